"""The envelope of an event: the required attributes of CloudEvents 1.0, the key and the trace."""

from __future__ import annotations

import builtins
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from google.protobuf.message import Message

from services.common.clock import now
from services.common.ids import new_id
from services.common.tracing import SpanKind, span, traceparent

M = TypeVar("M", bound=Message)

TOPICS = ("recordings", "training", "versions", "scans", "exports", "pulls", "synthesis", "community", "audit")
CONTENT_TYPE = "application/protobuf"


@dataclass(frozen=True)
class Event:
    """One thing that happened to one aggregate.

    Attributes:
        id: unique; consumers are idempotent by it.
        topic: one of `TOPICS`.
        key: id of the aggregate; events of one key keep their order.
        type: full name of the protobuf message in `data`.
        source: the service that says so.
        time: when it happened, UTC.
        data: the serialised message.
        trace: W3C traceparent of the work that caused it.
    """

    id: str
    topic: str
    key: str
    type: str
    source: str
    time: datetime
    data: bytes
    trace: str = ""

    def is_a(self, message: builtins.type[Message]) -> bool:
        """Whether the payload is of this message type."""
        return self.type == str(message.DESCRIPTOR.full_name)

    def parse(self, message: builtins.type[M]) -> M:
        """The payload; ValueError if it is of another type."""
        if not self.is_a(message):
            raise ValueError(f"event {self.id} is a {self.type}, not a {message.DESCRIPTOR.full_name}")
        return message.FromString(self.data)


def make_event(topic: str, key: str, payload: Message, source: str) -> Event:
    """A fresh event in the trace of the work under way; ValueError for an unknown topic."""
    if topic not in TOPICS:
        raise ValueError(f"unknown topic {topic!r}")
    identifier = new_id()
    said = {
        "messaging.operation.type": "create",
        "messaging.destination.name": topic,
        "messaging.message.id": identifier,
    }
    with span(f"create {topic}", SpanKind.PRODUCER, attributes=said):
        return Event(
            id=identifier,
            topic=topic,
            key=key,
            type=payload.DESCRIPTOR.full_name,
            source=source,
            time=now(),
            data=payload.SerializeToString(),
            trace=traceparent(),
        )
