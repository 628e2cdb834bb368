"""The line at the door of synthesis: requests of many threads, one `RoundRobin` behind a lock."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager

from prometheus_client import Counter, Gauge, Histogram

from services.common.errors import VoiceHubError
from services.common.settings import number
from services.inference.domain.cancellation import Cancellation
from services.inference.domain.fairness import BACKGROUND, Capacity, RoundRobin

_PLACES = Gauge("voicehub_synthesis_places", "Syntheses under way or waiting")
_REFUSED = Counter("voicehub_synthesis_refused", "Syntheses refused at the door", ["reason"])
for _reason in ("ACCOUNT_LINE_FULL", "LINE_FULL"):
    _REFUSED.labels(_reason)  # a rate needs a beginning
_WAITED = Histogram("voicehub_synthesis_waited_seconds", "Time that a synthesis waited for others' turns")


class Line:
    """Admits requests and gives turns. Thread-safe."""

    def __init__(self, capacity: Capacity) -> None:
        self._robin, self._lock = RoundRobin(capacity), threading.Lock()
        self._bells: dict[int, threading.Event] = {}

    @contextmanager
    def place(self, account: str, cancellation: Cancellation, *, whole: bool = False) -> Iterator[Place]:
        """A place for the length of a block; TooMany or Unavailable at once when there is none.

        ``whole``: nobody hears anything of it before its end.
        """
        try:
            with self._lock:
                ticket = self._robin.enter(account, whole=whole)
                self._bells[ticket] = threading.Event()
                _PLACES.set(self._robin.admitted)
        except VoiceHubError as error:
            _REFUSED.labels(error.reason).inc()
            raise
        held = Place(self, ticket, cancellation, gives_way=account == BACKGROUND)
        try:
            yield held
        finally:
            with self._lock:
                self._ring(self._robin.leave(ticket))
                del self._bells[ticket]
                _PLACES.set(self._robin.admitted)
            _WAITED.observe(held.waited)

    def ask(self, ticket: int) -> threading.Event:
        """What is set when the ticket has a turn."""
        return self._asked(ticket, self._robin.ask)

    def done(self, ticket: int) -> None:
        """The turn is over."""
        with self._lock:
            self._ring(self._robin.done(ticket))

    def again(self, ticket: int) -> threading.Event:
        """Ends a turn that the next one follows; answers what is set when the ticket has it."""
        return self._asked(ticket, self._robin.again)

    def give_way(self, ticket: int) -> threading.Event | None:
        """Ends a turn in the background that somebody waits for; answers what is set when it goes on."""
        with self._lock:
            if not self._robin.in_the_way(ticket):
                return None
            bell = self._bells[ticket]
            bell.clear()
            self._ring(self._robin.done(ticket))
            self._ring(self._robin.ask(ticket))
            return bell

    def wake(self, ticket: int) -> None:
        """Ends the waiting of a ticket that was called off."""
        with self._lock:
            self._ring([ticket])

    def _asked(self, ticket: int, way: Callable[[int], list[int]]) -> threading.Event:
        with self._lock:
            bell = self._bells[ticket]
            bell.clear()
            self._ring(way(ticket))
            return bell

    def _ring(self, tickets: Iterable[int]) -> None:
        for ticket in tickets:
            if ticket in self._bells:
                self._bells[ticket].set()


class Place:
    """A request that was let in."""

    def __init__(self, line: Line, ticket: int, cancellation: Cancellation, *, gives_way: bool = False) -> None:
        self._line, self._ticket, self._cancellation, self._gives_way = line, ticket, cancellation, gives_way
        self.waited = 0.0
        """Seconds spent waiting for turns."""
        cancellation.tell(lambda: line.wake(ticket))

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Waits for a turn and works in it; Cancelled when the request was called off."""
        self._wait(self._line.ask(self._ticket))
        try:
            yield
        finally:
            self._line.done(self._ticket)

    def again(self) -> None:
        """Within a turn: ends it and waits for the next one; Cancelled when the request was called off."""
        self._wait(self._line.again(self._ticket))

    def step(self) -> None:
        """Between two steps of a turn: Cancelled when the request was called off; the background lets others pass."""
        bell = self._line.give_way(self._ticket) if self._gives_way else None
        if bell is None:
            self._cancellation.check()
        else:
            self._wait(bell)

    def _wait(self, bell: threading.Event) -> None:
        self._cancellation.check()  # what called it off before the bell was there did not ring it
        since = time.monotonic()
        bell.wait()
        self.waited += time.monotonic() - since
        self._cancellation.check()


def capacity(environment: Mapping[str, str] | None = None) -> Capacity:
    """From `VOICEHUB_SYNTHESIS_{WORKERS,PLACES,PER_ACCOUNT}`.

    If nothing is said there are more turns at a time than cores: those that speak at once share the steps of stage 1.
    """
    env = os.environ if environment is None else environment
    usual = Capacity(workers=max(4 * (os.cpu_count() or 2), 8))
    places = number(env, "VOICEHUB_SYNTHESIS_PLACES", usual.places)
    return Capacity(
        workers=number(env, "VOICEHUB_SYNTHESIS_WORKERS", usual.workers),
        places=places,
        per_account=number(env, "VOICEHUB_SYNTHESIS_PER_ACCOUNT", max(min(usual.per_account, places // 2), 1)),
    )
