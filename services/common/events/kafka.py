"""Events on Kafka: `kafka://host:port[,host:port…]/name[?partitions=N&replication=N]`.

Topics and groups carry the hub's name (`name.scans`), so that hubs can share a cluster. A message is a CloudEvent in
the binary mode of its Kafka binding: attributes in headers `ce_…`, protobuf in the value, the aggregate id as key.
Events of one key are in one partition and keep their order; a delivery's position is its partition and offset in one
number.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import OffsetSpec
from kafka.errors import KafkaError

from services.common.clock import now
from services.common.events.envelope import Event
from services.common.events.kafka_member import RECONNECT_MS, KafkaMember
from services.common.events.kafka_place import PARKED, Place, attributes, event_of, message
from services.common.events.port import Marks, Parked

log = logging.getLogger(__name__)
DELIVERY_MS = 30_000
REASON_CHARACTERS = 4000
_REASON, _TOPIC, _TIME = "ce_deadletterreason", "ce_deadlettertopic", "ce_deadlettertime"
"""CloudEvents extension attributes of a dead letter."""


class KafkaBus:
    """Publishes with acks=all and an idempotent producer. Nothing is connected before the first use."""

    def __init__(self, url: str) -> None:
        self._place = Place.from_url(url)
        self._lock = threading.Lock()
        self._producer: Any = None
        self._made: set[str] = set()

    def publish(self, events: Sequence[Event]) -> None:
        """Returns when all in-sync replicas have every event; raises KafkaError if one was refused or took too long."""
        self._send([(self._place.topic(event.topic), message(event)) for event in events])

    def park(self, group: str, event: Event, reason: str) -> None:
        """Sends the event to the group's dead-letter topic, with the reason among its headers."""
        why = {_REASON: reason[:REASON_CHARACTERS], _TOPIC: event.topic, _TIME: now().isoformat()}
        self._send([(self._place.parked(group), message(event, why))])

    def parked(self) -> Sequence[Parked]:
        """Reads all dead-letter topics from their beginnings to what is their end now."""
        admin = KafkaAdminClient(bootstrap_servers=list(self._place.servers))
        try:
            mine = [t for t in admin.list_topics() if t.startswith(f"{self._place.name}.") and t.endswith(PARKED)]
            partitions = _partitions(admin, sorted(mine))
        finally:
            admin.close()
        records = sorted(self._read(partitions), key=lambda record: record.timestamp)
        return [self._letter(record) for record in records if _TIME in attributes(record)]

    def consumer(self, group: str, topics: Sequence[str]) -> KafkaMember:
        """A member of the group; it joins at its first poll."""
        with self._lock:
            self._make_topics([self._place.topic(topic) for topic in topics])
        return KafkaMember(self._place, group, topics)

    def lags(self) -> Mapping[tuple[str, str], int]:
        """By group and topic, how many events are not committed."""
        prefix = f"{self._place.name}."
        admin = KafkaAdminClient(bootstrap_servers=list(self._place.servers))
        try:
            groups = _groups(admin, prefix)
            # A partition from which a group has committed nothing counts from its beginning.
            partitions = _partitions(admin, sorted({topic for heard, _ in groups.values() for topic in heard}))
            ends = admin.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.LATEST)) if partitions else {}
            begins = admin.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.EARLIEST)) if partitions else {}
        finally:
            admin.close()
        lags: dict[tuple[str, str], int] = {}
        for group, (heard, offsets) in groups.items():
            for partition in [p for p in partitions if p.topic in heard]:
                position = offsets[partition].offset if partition in offsets else begins[partition].offset
                key = (group.removeprefix(prefix), partition.topic.removeprefix(prefix))
                lags[key] = lags.get(key, 0) + ends[partition].offset - position
        return lags

    def marks(self) -> Marks:
        """Where the topics stand, by partition. One from which nobody has committed counts from its beginning."""
        prefix = f"{self._place.name}."
        admin = KafkaAdminClient(bootstrap_servers=list(self._place.servers))
        try:
            groups = _groups(admin, prefix)
            topics = [t for t in admin.list_topics() if t.startswith(prefix) and not t.endswith(PARKED)]
            partitions = _partitions(admin, sorted(topics))
            ends = admin.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.LATEST)) if partitions else {}
            begins = admin.list_partition_offsets(dict.fromkeys(partitions, OffsetSpec.EARLIEST)) if partitions else {}
        finally:
            admin.close()
        handled: dict[str, int] = {}
        for one in partitions:
            listening = [offsets for heard, offsets in groups.values() if one.topic in heard]
            found = [offsets[one].offset if one in offsets else begins[one].offset for offsets in listening]
            handled[_part(one)] = min(found, default=begins[one].offset)
        return Marks(handled, {_part(one): ends[one].offset for one in partitions})

    def between(self, begins: Mapping[str, int], ends: Mapping[str, int]) -> Iterator[Event]:
        """Events partition by partition, each in its order."""
        prefix = f"{self._place.name}."
        for part, end in sorted(ends.items()):
            topic, _, number = part.rpartition("/")
            partition, begin = TopicPartition(topic, int(number)), begins.get(part, end)
            if begin < end:
                for record in self._read([partition], {partition: begin}, {partition: end}):
                    yield event_of(record, topic.removeprefix(prefix))

    def close(self) -> None:
        """Ends the producer."""
        with self._lock:
            if self._producer is not None:
                self._producer.close(timeout=5)
                self._producer = None

    def _send(self, messages: Sequence[tuple[str, dict[str, Any]]]) -> None:
        with self._lock:
            self._make_topics({topic for topic, _ in messages})
            producer = self._open()
            try:
                sent = [producer.send(topic, **one) for topic, one in messages]
                producer.flush(DELIVERY_MS / 1000)
                for one in sent:
                    one.get(timeout=DELIVERY_MS / 1000)
            except KafkaError:
                # Some may be there and some not. What comes next must not overtake what is sent again.
                self._producer = None
                with suppress(KafkaError):  # it says so again when it cannot send the rest
                    producer.close(timeout=0)
                raise

    def _read(
        self,
        partitions: Sequence[TopicPartition],
        begins: Mapping[TopicPartition, int] | None = None,
        ends: Mapping[TopicPartition, int] | None = None,
    ) -> Sequence[Any]:
        """What lies in the partitions, from their beginnings to what is their end now, or between what is said."""
        consumer = KafkaConsumer(bootstrap_servers=list(self._place.servers), enable_auto_commit=False)
        found: list[Any] = []
        try:
            consumer.assign(partitions)
            consumer.seek_to_beginning()
            for partition, begin in (begins or {}).items():
                consumer.seek(partition, begin)
            last = ends or (consumer.end_offsets(partitions) if partitions else {})
            while any(consumer.position(partition) < end for partition, end in last.items()):
                read = [r for batch in consumer.poll(timeout_ms=1000).values() for r in batch]
                found += [r for r in read if r.offset < last[TopicPartition(r.topic, r.partition)]]
        finally:
            consumer.close(autocommit=False)
        return found

    def _letter(self, record: Any) -> Parked:
        said = attributes(record)
        group = str(record.topic).removeprefix(f"{self._place.name}.").removesuffix(PARKED)
        time = datetime.fromisoformat(said[_TIME])
        return Parked(group, event_of(record, said[_TOPIC]), said[_REASON], time)

    def _open(self) -> Any:
        if self._producer is None:
            self._producer = KafkaProducer(
                bootstrap_servers=list(self._place.servers),
                acks="all",
                enable_idempotence=True,
                delivery_timeout_ms=DELIVERY_MS,
                request_timeout_ms=DELIVERY_MS // 2,
                max_block_ms=DELIVERY_MS,
                bootstrap_timeout_ms=DELIVERY_MS,
                reconnect_backoff_max_ms=RECONNECT_MS,
            )
        return self._producer

    def _make_topics(self, topics: Collection[str]) -> None:
        if not self._made.issuperset(topics):
            self._place.make_topics(topics)
            self._made.update(topics)


def _groups(admin: Any, prefix: str) -> Mapping[str, tuple[Collection[str], Mapping[TopicPartition, Any]]]:
    """By group of this hub, to which topics it listens, and what it has committed.

    Who has committed nothing of a topic listens to it as long as its members say so.
    """
    names = [g["group_id"] for g in admin.list_groups() if g["group_id"].startswith(prefix)]
    committed = dict(admin.list_group_offsets(names)) if names else {}
    described = admin.describe_groups(names) if names else {}
    found = {}
    for name, offsets in committed.items():
        if described[name].get("error"):  # of a group that moves no members are told
            raise KafkaError(f"the group {name} cannot be read now: {described[name]['error']}")
        told = [member["member_metadata"] for member in described[name]["members"]]
        heard = {topic for one in told if one for topic in one["topics"]}  # while a group forms they say nothing
        found[name] = (heard.union(partition.topic for partition in offsets), offsets)
    return found


def _part(partition: TopicPartition) -> str:
    return f"{partition.topic}/{partition.partition}"


def _partitions(admin: Any, topics: Sequence[str]) -> list[TopicPartition]:
    described = admin.describe_topics(list(topics)) if topics else []
    return [TopicPartition(t["name"], p["partition_index"]) for t in described for p in t["partitions"]]
