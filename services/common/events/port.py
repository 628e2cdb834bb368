"""The port of the event bus and the choice of its adapter by URL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.common.events.envelope import Event


@dataclass(frozen=True)
class Delivery:
    """An event as it was delivered, with its position in the topic."""

    event: Event
    position: int


@dataclass(frozen=True)
class Parked:
    """A dead letter: an event that a group could not handle, why, and since when (UTC)."""

    group: str
    event: Event
    reason: str
    time: datetime


@dataclass(frozen=True)
class Marks:
    """Where the bus stands, by part of the log (a topic, or a partition of one), for `EventBus.between`.

    Attributes:
        handled: up to where every group that listens has committed.
        ends: behind the newest event.
    """

    handled: Mapping[str, int]
    ends: Mapping[str, int]


class Consumer(Protocol):
    """One member of a consumer group. Not thread-safe."""

    def poll(self, limit: int, timeout: float) -> Sequence[Delivery]:
        """Up to `limit` deliveries, waiting at most `timeout` seconds for the first."""
        ...

    def commit(self, delivery: Delivery) -> None:
        """Everything of its topic up to this delivery is done and will not come again."""
        ...

    def keep(self) -> bool:
        """Says to the group that this member is still at work, and fetches nothing.

        Answers False once something that was polled may be somebody else's, who gets it too.
        """
        ...

    def rewind(self) -> None:
        """Delivers again what was polled and not committed."""
        ...

    def close(self) -> None:
        """Gives the topics back to the group."""
        ...


class EventBus(Protocol):
    """A log of events with consumer groups."""

    def publish(self, events: Sequence[Event]) -> None:
        """Appends events durably, in order; the same event id twice is kept once or delivered twice, never lost."""
        ...

    def consumer(self, group: str, topics: Sequence[str]) -> Consumer:
        """A consumer that continues where its group stopped."""
        ...

    def park(self, group: str, event: Event, reason: str) -> None:
        """Appends the event durably to the dead-letter topic of the group; twice is possible, lost is not."""
        ...

    def parked(self) -> Sequence[Parked]:
        """What lies in the dead-letter topics of all groups, each in its order. It stays there, replayed or not."""
        ...

    def lags(self) -> Mapping[tuple[str, str], int]:
        """By (group, topic), how many events are not committed yet; of groups that have committed or polled."""
        ...

    def marks(self) -> Marks:
        """Where the bus stands now; of topics to which somebody listens."""
        ...

    def between(self, begins: Mapping[str, int], ends: Mapping[str, int]) -> Iterator[Event]:
        """The events of those parts of the log from `begins` to before `ends`; events of one key keep their order."""
        ...

    def close(self) -> None:
        """Releases connections."""
        ...


def open_bus(url: str) -> EventBus:
    """The adapter that `VOICEHUB_EVENTS_URL` names; ValueError for an unknown scheme."""
    if url.startswith("sqlite:///"):
        from services.common.events.sqlite import SqliteBus

        return SqliteBus(url)
    if url.startswith("kafka://"):
        from services.common.events.kafka import KafkaBus

        return KafkaBus(url)
    raise ValueError("VOICEHUB_EVENTS_URL: unknown scheme; use sqlite:///path or kafka://host:port/name")
