"""Events on Kafka: `kafka://host:port[,host:port…]/name[?partitions=N&replication=N]`.

Topics and groups carry the hub's name (`name.scans`), so that hubs can share a cluster. A message is a CloudEvent in
the binary mode of its Kafka binding: attributes in headers `ce_…`, protobuf in the value, the aggregate id as key.
Events of one key are in one partition and keep their order; a delivery's position is its partition and offset in one
number.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import OffsetSpec
from kafka.errors import CommitFailedError, KafkaError, RebalanceInProgressError, TopicAlreadyExistsError
from kafka.structs import OffsetAndMetadata

from services.common.clock import now
from services.common.events.envelope import CONTENT_TYPE, Event
from services.common.events.port import Delivery

log = logging.getLogger(__name__)
PARTITIONS = 3
DELIVERY_MS = 30_000
SESSION_MS = 10_000
"""After this time without a heartbeat a member is taken for dead and its partitions go to the others."""
RECONNECT_MS = 2_000
BETWEEN_POLLS_MS = 3_600_000
"""The longest that a handler may take (an export of a large voice on a slow machine)."""
_OFFSET_BITS = 48


@dataclass(frozen=True)
class Place:
    """A cluster and a hub's name in it."""

    servers: tuple[str, ...]
    name: str
    partitions: int
    replication: int

    @classmethod
    def from_url(cls, url: str) -> Place:
        """ValueError if the name is missing."""
        parts = urlsplit(url)
        name, options = parts.path.strip("/"), parse_qs(parts.query)
        if not name or "/" in name:
            raise ValueError("VOICEHUB_EVENTS_URL names no hub; use kafka://host:port/name")
        numbers = (int(options.get(key, ["0"])[0]) for key in ("partitions", "replication"))
        partitions, replication = numbers
        return cls(tuple(parts.netloc.split(",")), name, partitions or PARTITIONS, replication or -1)

    def topic(self, topic: str) -> str:
        """What a topic of ours is called there."""
        return f"{self.name}.{topic}"

    def make_topics(self, topics: Collection[str]) -> None:
        """Makes those topics that are not there; -1 as replication is the broker's default."""
        options = {"num_partitions": self.partitions, "replication_factor": self.replication}
        admin = KafkaAdminClient(bootstrap_servers=list(self.servers))
        try:
            there = set(admin.list_topics())
            if missing := [name for name in map(self.topic, topics) if name not in there]:
                admin.create_topics(dict.fromkeys(missing, options), wait_for_metadata=True)
        except TopicAlreadyExistsError:
            log.info("another service was faster to make the topics")
        finally:
            admin.close()


class KafkaBus:
    """Publishes with acks=all and an idempotent producer. Nothing is connected before the first use."""

    def __init__(self, url: str) -> None:
        self._place = Place.from_url(url)
        self._lock = threading.Lock()
        self._producer: Any = None
        self._made: set[str] = set()

    def publish(self, events: Sequence[Event]) -> None:
        """Returns when all in-sync replicas have every event; raises KafkaError if one was refused or took too long."""
        with self._lock:
            self._make_topics({event.topic for event in events})
            producer = self._open()
            try:
                sent = [producer.send(self._place.topic(e.topic), **_message(e)) for e in events]
                producer.flush(DELIVERY_MS / 1000)
                for one in sent:
                    one.get(timeout=DELIVERY_MS / 1000)
            except KafkaError:
                # Some may be there and some not. What comes next must not overtake what is sent again.
                self._producer = None
                with suppress(KafkaError):  # it says so again when it cannot send the rest
                    producer.close(timeout=0)
                raise

    def consumer(self, group: str, topics: Sequence[str]) -> KafkaMember:
        """A member of the group; it joins at its first poll."""
        with self._lock:
            self._make_topics(topics)
        return KafkaMember(self._place, group, topics)

    def lags(self) -> Mapping[tuple[str, str], int]:
        """By group and topic, how many events are not committed."""
        prefix = f"{self._place.name}."
        admin = KafkaAdminClient(bootstrap_servers=list(self._place.servers))
        try:
            groups = [g["group_id"] for g in admin.list_groups() if g["group_id"].startswith(prefix)]
            committed = admin.list_group_offsets(groups) if groups else {}
            # A partition from which a group has committed nothing counts from its beginning.
            topics = sorted({p.topic for offsets in committed.values() for p in offsets})
            partitions = _partitions(admin, topics)
            ends = admin.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.LATEST)) if partitions else {}
            begins = admin.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.EARLIEST)) if partitions else {}
        finally:
            admin.close()
        lags: dict[tuple[str, str], int] = {}
        for group, offsets in committed.items():
            for partition in [p for p in partitions if p.topic in {c.topic for c in offsets}]:
                position = offsets[partition].offset if partition in offsets else begins[partition].offset
                key = (group.removeprefix(prefix), partition.topic.removeprefix(prefix))
                lags[key] = lags.get(key, 0) + ends[partition].offset - position
        return lags

    def close(self) -> None:
        """Ends the producer."""
        with self._lock:
            if self._producer is not None:
                self._producer.close(timeout=5)
                self._producer = None

    def _open(self) -> Any:
        if self._producer is None:
            self._producer = KafkaProducer(
                bootstrap_servers=list(self._place.servers),
                acks="all",
                enable_idempotence=True,
                delivery_timeout_ms=DELIVERY_MS,
                request_timeout_ms=DELIVERY_MS // 2,
                max_block_ms=DELIVERY_MS,
                reconnect_backoff_max_ms=RECONNECT_MS,
            )
        return self._producer

    def _make_topics(self, topics: Collection[str]) -> None:
        if not self._made.issuperset(topics):
            self._place.make_topics(topics)
            self._made.update(topics)


class KafkaMember:
    """One member of a consumer group."""

    def __init__(self, place: Place, group: str, topics: Sequence[str]) -> None:
        self._place = place
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
        )
        self._consumer.subscribe([place.topic(topic) for topic in topics])

    def poll(self, limit: int, timeout: float) -> Sequence[Delivery]:
        """Deliveries in the order of each partition, oldest first between them."""
        batches = self._consumer.poll(timeout_ms=int(timeout * 1000), max_records=limit)
        records = sorted((r for batch in batches.values() for r in batch), key=lambda r: (r.timestamp, r.offset))
        return [Delivery(self._event(r), r.partition << _OFFSET_BITS | r.offset) for r in records]

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

    def _event(self, record: Any) -> Event:
        """A message that is none of ours becomes an event of no type, which nobody handles."""
        headers = {key: value.decode(errors="replace") for key, value in record.headers}
        topic = record.topic.removeprefix(f"{self._place.name}.")
        if not headers.get("ce_id") or not headers.get("ce_type"):
            log.warning("a message without CloudEvents attributes", extra={"topic": topic, "offset": record.offset})
            return Event(f"{topic}-{record.partition}-{record.offset}", topic, "", "", "", now(), record.value or b"")
        return Event(
            id=headers["ce_id"],
            topic=topic,
            key=(record.key or b"").decode(errors="replace"),
            type=headers["ce_type"],
            source=headers.get("ce_source", ""),
            time=datetime.fromisoformat(headers["ce_time"]),
            data=record.value or b"",
            trace=headers.get("ce_traceparent", ""),
        )


def _partitions(admin: Any, topics: Sequence[str]) -> list[TopicPartition]:
    described = admin.describe_topics(list(topics)) if topics else []
    return [TopicPartition(t["name"], p["partition_index"]) for t in described for p in t["partitions"]]


def _message(event: Event) -> dict[str, Any]:
    attributes = {
        "ce_specversion": "1.0",
        "ce_id": event.id,
        "ce_type": event.type,
        "ce_source": event.source,
        "ce_time": event.time.isoformat(),
        "ce_traceparent": event.trace,
        "content-type": CONTENT_TYPE,
    }
    headers = [(key, value.encode()) for key, value in attributes.items()]
    return {"key": event.key.encode(), "value": event.data, "headers": headers}
