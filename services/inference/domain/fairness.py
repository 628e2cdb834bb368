"""Who is served next: turns go round the accounts, within an account to the oldest request.

Work in the background (`BACKGROUND`) gets a turn when nobody else asks for one, and gives it back as soon as somebody
does; after eight turns of others it gets one that it keeps. It takes no place from anybody: whoever works so bounds it.

Pure bookkeeping without threads. A request holds a place from its admission to its end, and asks for a turn for each
step of its work; between two steps others may come first. A request that neither works nor asks for a turn for
`AT_REST_SECONDS` waits for a reader who does not read: it takes no place from anybody until it asks again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from services.common.errors import TooMany, Unavailable
from services.inference.domain.pace import Pace

BACKGROUND = "/background"
"""The account of work that nobody waits for; no account of a person has such a name."""
PATIENCE = 8
"""Turns of others that the background lets pass at most."""
AT_REST_SECONDS = 1.0


@dataclass(frozen=True)
class Capacity:
    """How much is taken on: ``workers`` turns at a time, ``places`` in all, ``per_account`` of one account."""

    workers: int = 1
    places: int = 128
    per_account: int = 64

    def __post_init__(self) -> None:
        if not (self.workers >= 1 and 1 <= self.per_account <= self.places):
            raise ValueError("a line needs a worker, and places for at least one request of an account")


@dataclass
class _Account:
    places: set[int] = field(default_factory=set)
    waiting: set[int] = field(default_factory=set)
    served: int = 0


class RoundRobin:
    """The line. Tickets are numbers in the order of admission."""

    def __init__(self, capacity: Capacity, clock: Callable[[], float] = time.monotonic) -> None:
        self._capacity, self._clock, self._pace = capacity, clock, Pace(clock)
        self._idle: dict[int, float] = {}
        """Since when a ticket neither works nor asks for a turn."""
        self._accounts: dict[str, _Account] = {}
        self._owners: dict[int, str] = {}
        self._working: set[int] = set()
        self._last, self._turns, self._passed_by = 0, 0, 0
        self._keeps = False

    @property
    def waiting(self) -> int:
        """How many ask for a turn."""
        return sum(len(account.waiting) for account in self._accounts.values())

    @property
    def admitted(self) -> int:
        """How many hold a place."""
        return len(self._owners)

    def enter(self, account: str) -> int:
        """A ticket.

        Raises:
            TooMany: the account has all the places that one may have.
            Unavailable: no place is left.
        """
        if account != BACKGROUND:
            self._check_room(account)
        self._last += 1
        self._owners[self._last] = account
        self._accounts.setdefault(account, _Account()).places.add(self._last)
        self._idle[self._last] = self._clock()
        return self._last

    def _check_room(self, account: str) -> None:
        at_rest = self._clock() - AT_REST_SECONDS
        busy = [owner for ticket, owner in self._owners.items() if self._idle.get(ticket, at_rest) >= at_rest]
        if busy.count(account) >= self._capacity.per_account:
            raise TooMany(
                f"{self._capacity.per_account} syntheses of this account are under way or waiting already.",
                hint="Wait for some of them to end, then ask again.",
                reason="ACCOUNT_LINE_FULL",
                retry_seconds=self._pace.refused(),
            )
        if len(busy) - busy.count(BACKGROUND) >= self._capacity.places:
            raise Unavailable(
                "Too many syntheses are waiting on this hub.",
                hint="Try again in a few seconds, or pull the voice and say it on your machine.",
                reason="LINE_FULL",
                retry_seconds=self._pace.refused(),
            )

    def ask(self, ticket: int) -> list[int]:
        """The ticket asks for a turn; answers the tickets that now get one."""
        self._accounts[self._owners[ticket]].waiting.add(ticket)
        self._idle.pop(ticket, None)
        return self._granted()

    def done(self, ticket: int) -> list[int]:
        """The turn of the ticket is over; answers the tickets that now get one."""
        self._working.discard(ticket)
        if ticket in self._owners:
            self._idle[ticket] = self._clock()
        return self._granted()

    def in_the_way(self, ticket: int) -> bool:
        """Whether the ticket works in the background and somebody waits for its turn."""
        if self._owners[ticket] != BACKGROUND or self._keeps:
            return False
        return any(account.waiting for name, account in self._accounts.items() if name != BACKGROUND)

    def leave(self, ticket: int) -> list[int]:
        """The ticket gives its place up, whatever it was doing."""
        account = self._owners.pop(ticket, None)
        if account is None:
            return []
        self._idle.pop(ticket, None)
        if account != BACKGROUND:
            self._pace.left()
        known = self._accounts[account]
        known.places.discard(ticket)
        known.waiting.discard(ticket)
        if not known.places:
            del self._accounts[account]
        return self.done(ticket)

    def _granted(self) -> list[int]:
        granted = []
        while len(self._working) < self._capacity.workers and (chosen := self._next()):
            ticket = min(chosen.waiting)
            chosen.waiting.discard(ticket)
            self._turns += 1
            chosen.served = self._turns
            self._working.add(ticket)
            granted.append(ticket)
        return granted

    def _next(self) -> _Account | None:
        """Whose turn it is."""
        asking = {name: account for name, account in self._accounts.items() if account.waiting}
        behind = asking.pop(BACKGROUND, None)
        if behind and (not asking or self._passed_by >= PATIENCE):
            self._keeps = self._passed_by >= PATIENCE
            self._passed_by = 0
            return behind
        self._passed_by += behind is not None
        return min(asking.values(), key=lambda account: (account.served, min(account.waiting)), default=None)
