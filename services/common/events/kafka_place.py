"""A cluster of Kafka, a hub's name in it, and how an event looks there."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

from kafka import KafkaAdminClient
from kafka.errors import TopicAlreadyExistsError

from services.common.clock import now
from services.common.events.envelope import CONTENT_TYPE, Event

log = logging.getLogger(__name__)
PARTITIONS = 3
PARKED = ".dead-letters"
"""What the name of a group's dead-letter topic ends with."""


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

    def parked(self, group: str) -> str:
        """The dead-letter topic of a group."""
        return f"{self.name}.{group}{PARKED}"

    def make_topics(self, topics: Collection[str]) -> None:
        """Makes those topics (by their names there) that are missing; -1 as replication is the broker's default."""
        options = {"num_partitions": self.partitions, "replication_factor": self.replication}
        admin = KafkaAdminClient(bootstrap_servers=list(self.servers))
        try:
            there = set(admin.list_topics())
            if missing := [name for name in topics if name not in there]:
                admin.create_topics(dict.fromkeys(missing, options), wait_for_metadata=True)
        except TopicAlreadyExistsError:
            log.info("another service was faster to make the topics")
        finally:
            admin.close()


def message(event: Event, more: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Key, value and headers of an event; `more` are further CloudEvents attributes by their full header name."""
    said = {
        "ce_specversion": "1.0",
        "ce_id": event.id,
        "ce_type": event.type,
        "ce_source": event.source,
        "ce_time": event.time.isoformat(),
        "ce_traceparent": event.trace,
        "content-type": CONTENT_TYPE,
        **(more or {}),
    }
    headers = [(key, value.encode()) for key, value in said.items()]
    return {"key": event.key.encode(), "value": event.data, "headers": headers}


def attributes(record: Any) -> dict[str, str]:
    """The headers of a message as text."""
    return {key: (value or b"").decode(errors="replace") for key, value in record.headers}


def event_of(record: Any, topic: str) -> Event:
    """The event in a message of a topic; one that is none of ours becomes an event of no type, which nobody handles."""
    headers = attributes(record)
    time = _moment(headers.get("ce_time", ""))
    if not headers.get("ce_id") or not headers.get("ce_type") or time is None:
        log.warning("a message without our CloudEvents attributes", extra={"topic": topic, "offset": record.offset})
        return Event(f"{topic}-{record.partition}-{record.offset}", topic, "", "", "", now(), record.value or b"")
    return Event(
        id=headers["ce_id"],
        topic=topic,
        key=(record.key or b"").decode(errors="replace"),
        type=headers["ce_type"],
        source=headers.get("ce_source", ""),
        time=time,
        data=record.value or b"",
        trace=headers.get("ce_traceparent", ""),
    )


def _moment(text: str) -> datetime | None:
    """The time of a CloudEvent, which others may leave out."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
