"""Who is served next: turns go round the accounts, and within an account round its requests.

What nobody hears before its end takes the turns that fall to such requests one request after another: all of them half
done would help nobody.

An account that is alone may have all turns. As soon as another one is at work, each has its share of them; turns that
it holds above its share run to their ends and are not counted, so that nobody waits for them.

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
    since: int
    """The turn before which it was served last, or came: who leaves and comes back is not first again."""
    served: bool = False
    places: set[int] = field(default_factory=set)
    waiting: list[int] = field(default_factory=list)
    """In the order in which they asked."""
    working: set[int] = field(default_factory=set)
    whole: set[int] = field(default_factory=set)

    def next(self) -> int:
        """Takes out whose turn it is; the oldest of the whole ones changes places with the one that is first."""
        first = self.waiting[0]
        ticket = min(self.whole.intersection(self.waiting)) if first in self.whole else first
        self.waiting[self.waiting.index(ticket)] = first
        del self.waiting[0]
        return ticket


class RoundRobin:
    """The line. Tickets are numbers in the order of admission."""

    def __init__(self, capacity: Capacity, clock: Callable[[], float] = time.monotonic) -> None:
        self._capacity, self._clock, self._pace = capacity, clock, Pace(clock)
        self._idle: dict[int, float] = {}
        """Since when a ticket neither works nor asks for a turn."""
        self._accounts: dict[str, _Account] = {}
        self._owners: dict[int, str] = {}
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

    def enter(self, account: str, *, whole: bool = False) -> int:
        """A ticket. ``whole``: nobody hears anything of it before its end.

        Raises:
            TooMany: the account has all the places that one may have.
            Unavailable: no place is left.
        """
        if account != BACKGROUND:
            self._check_room(account)
        self._last += 1
        self._owners[self._last] = account
        known = self._accounts.setdefault(account, _Account(self._turns))
        known.places.add(self._last)
        if whole:
            known.whole.add(self._last)
        self._idle[self._last] = self._clock()
        return self._last

    def _check_room(self, account: str) -> None:
        busy = self._busy()
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
        self._accounts[self._owners[ticket]].waiting.append(ticket)
        self._idle.pop(ticket, None)
        return self._granted()

    def done(self, ticket: int) -> list[int]:
        """The turn of the ticket is over; answers the tickets that now get one."""
        if ticket in self._owners:
            self._accounts[self._owners[ticket]].working.discard(ticket)
            self._idle[ticket] = self._clock()
        return self._granted()

    def again(self, ticket: int) -> list[int]:
        """The turn of the ticket is over and it asks for the next one, which it has at once if it is first in line."""
        account = self._accounts[self._owners[ticket]]
        account.working.discard(ticket)
        account.waiting.append(ticket)
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
        known.working.discard(ticket)
        known.whole.discard(ticket)
        if ticket in known.waiting:
            known.waiting.remove(ticket)
        if not known.places:
            del self._accounts[account]
        return self._granted()

    def _granted(self) -> list[int]:
        granted = []
        while chosen := self._next():
            ticket = chosen.next()
            self._turns += 1
            chosen.since, chosen.served = self._turns, True
            chosen.working.add(ticket)
            granted.append(ticket)
        return granted

    def _next(self) -> _Account | None:
        """Whose turn it is."""
        asking = {name: account for name, account in self._accounts.items() if account.waiting}
        if not asking:
            return None
        share = self._share()
        if sum(self._held(name, share) for name in self._accounts) >= self._capacity.workers:
            return None
        behind = asking.pop(BACKGROUND, None)
        if behind and (not asking or self._passed_by >= PATIENCE):
            self._keeps = self._passed_by >= PATIENCE
            self._passed_by = 0
            return behind
        below = [account for account in asking.values() if len(account.working) < share]
        self._passed_by += behind is not None and bool(below)
        return min(below, key=lambda account: (account.since, account.served, account.waiting[0]), default=None)

    def _held(self, name: str, share: int) -> int:
        """The turns of an account that count."""
        working = len(self._accounts[name].working)
        return working if name == BACKGROUND else min(working, share)

    def _share(self) -> int:
        """How many turns at a time an account has."""
        people = len(set(self._busy()) - {BACKGROUND})
        return max(self._capacity.workers // max(people, 1), 1)

    def _busy(self) -> list[str]:
        """The account of each place that is not at rest."""
        at_rest = self._clock() - AT_REST_SECONDS
        return [owner for ticket, owner in self._owners.items() if self._idle.get(ticket, at_rest) >= at_rest]
