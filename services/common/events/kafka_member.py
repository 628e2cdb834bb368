"""One member of a consumer group of Kafka."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from typing import Any

from kafka import ConsumerRebalanceListener, KafkaConsumer, TopicPartition
from kafka.errors import CommitFailedError, RebalanceInProgressError
from kafka.structs import OffsetAndMetadata

from services.common.events.kafka_place import Place, event_of
from services.common.events.port import Delivery

log = logging.getLogger(__name__)
SESSION_MS = 10_000
"""After this time without a heartbeat a member is taken for dead and its partitions go to the others."""
RECONNECT_MS = 2_000
BETWEEN_POLLS_MS = 300_000
"""After this time without a poll a member is taken for stuck. Its handlers may take longer: `keep` polls meanwhile."""
FETCH_BYTES, PARTITION_BYTES = 8 << 20, 1 << 20
"""The most that one answer of a broker brings, in all and of one partition; more is fetched once that is handled."""
KEEP_MS = 100
_OFFSET_BITS = 48


class KafkaMember:
    """One member of a consumer group."""

    def __init__(self, place: Place, group: str, topics: Sequence[str]) -> None:
        self._place = place
        self._watch = _Watch()
        self._consumer: Any = KafkaConsumer(
            bootstrap_servers=list(place.servers),
            group_id=f"{place.name}.{group}",
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            isolation_level="read_committed",
            session_timeout_ms=SESSION_MS,
            heartbeat_interval_ms=SESSION_MS // 5,
            max_poll_interval_ms=BETWEEN_POLLS_MS,
            reconnect_backoff_max_ms=RECONNECT_MS,
            fetch_max_bytes=FETCH_BYTES,
            max_partition_fetch_bytes=PARTITION_BYTES,
        )
        self._consumer.subscribe([place.topic(topic) for topic in topics], listener=self._watch)

    def poll(self, limit: int, timeout: float) -> Sequence[Delivery]:
        """Deliveries in the order of each partition, oldest first between them."""
        self._consumer.resume(*self._consumer.paused())
        batches = self._polled(int(timeout * 1000), limit)
        self._watch.lost.clear()
        records = sorted((r for batch in batches.values() for r in batch), key=lambda r: (r.timestamp, r.offset))
        return [Delivery(event_of(r, self._topic(r)), r.partition << _OFFSET_BITS | r.offset) for r in records]

    def commit(self, delivery: Delivery) -> None:
        """Moves the group's position behind this delivery, unless its partition went to another member meanwhile."""
        number, offset = delivery.position >> _OFFSET_BITS, delivery.position & (1 << _OFFSET_BITS) - 1
        partition = TopicPartition(self._place.topic(delivery.event.topic), number)
        if partition not in self._consumer.assignment():
            return
        try:
            self._consumer.commit({partition: OffsetAndMetadata(offset + 1)})
        except (CommitFailedError, RebalanceInProgressError):
            # Whoever gets the partition has the event again, and knows it by its id.
            log.info("group changed before a commit", extra={"event": delivery.event.id})

    def keep(self) -> bool:
        """Polls with all partitions paused; what the group gives us meanwhile waits for the next `poll`."""
        self._consumer.pause(*self._consumer.assignment())
        batches = self._polled(KEEP_MS, 1)
        for partition, records in batches.items():  # of a partition that came to us just now
            self._consumer.seek(partition, records[0].offset)
        return not self._watch.lost

    def rewind(self) -> None:
        """Goes back to the group's positions."""
        for partition in self._consumer.assignment():
            committed = self._consumer.committed(partition)
            if committed is None:
                self._consumer.seek_to_beginning(partition)
            else:
                self._consumer.seek(partition, committed)

    def close(self) -> None:
        """Leaves the group at once."""
        self._consumer.close(autocommit=False)

    def _polled(self, timeout_ms: int, limit: int) -> Any:
        """One poll of the library, which forgets a join begun for changed metadata when a poll ends before it does.

        Such a member would wait for partitions until the group changes again. Java's client had the same fault
        (KAFKA-9815); the cure is its: the wish to join stays until the join is over.
        """
        batches = self._consumer.poll(timeout_ms=timeout_ms, max_records=limit)
        if self._watch.joining:
            self._consumer._coordinator.request_rejoin()
        return batches

    def _topic(self, record: Any) -> str:
        return str(record.topic).removeprefix(f"{self._place.name}.")


class _Watch(ConsumerRebalanceListener):  # type: ignore[misc]
    """Remembers which partitions went away, and whether a join has begun that is not over."""

    def __init__(self) -> None:
        self.lost: set[TopicPartition] = set()
        self.joining = False

    def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        """The group takes them back, to give them to somebody, perhaps to us."""
        self.lost.update(revoked)
        self.joining = True

    def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """The position is the group's, so that even what comes back to us comes from there."""
        self.joining = False
