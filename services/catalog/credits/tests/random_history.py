"""A random history of credits, told by its seed: what a process does to a database, and what a plain model expects.

`python -m services.catalog.credits.tests.random_history URL SEED COUNT FIRST` does the operations from number FIRST on,
says each number once it is committed, and does older ones again in between, as clients and events do.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy.orm import Session

from services.catalog.credits import ledger, reserving
from services.catalog.credits.domain import MINT, Kind, Payee, Prices, Transaction, shares, wallet
from services.common.database import Database
from services.common.errors import Unprocessable
from services.common.migrations import upgrade

PEOPLE = ("ana", "bo", "cy", "dee", "eve")
PRICES = Prices(start=300, training=100, synthesis=3, download=10)
MIGRATIONS = Path(__file__).parents[2] / "migrations"


@dataclass(frozen=True)
class Operation:
    """`what` somebody does; numbers and people of which the kind of operation takes what it needs."""

    number: int
    what: str
    who: str
    other: str
    amount: int
    earlier: int


def history(seed: int, count: int) -> list[Operation]:
    """The operations in order."""
    source = random.Random(seed)
    kinds = ("reserve", "reserve", "close", "close", "close", "gift", "earn")
    return [
        Operation(
            number=number,
            what=source.choice(kinds),
            who=source.choice(PEOPLE),
            other=source.choice(PEOPLE),
            amount=source.randint(1, 120),
            earlier=max(0, number - source.randint(1, 12)),
        )
        for number in range(count)
    ]


def perform(database: Database, operation: Operation) -> None:
    """Does it in one transaction; what is refused leaves nothing, and is no error."""
    try:
        with database.write() as session:
            _DO[operation.what](session, operation)
    except Unprocessable as refusal:
        if refusal.reason != "TOO_FEW_CREDITS":
            raise


def _reserve(session: Session, operation: Operation) -> None:
    purpose, units = ("training", 1) if operation.amount % 2 else ("synthesis", operation.amount * 1000)
    reserving.reserve(session, PRICES, operation.who, f"r{operation.number}", purpose, units)


def _close(session: Session, operation: Operation) -> None:
    units = (0, 1, 5_000)[operation.amount % 3]
    reserving.close(session, PRICES, f"r{operation.earlier}", units)


def _gift(session: Session, operation: Operation) -> None:
    if operation.who == operation.other:
        return
    for one in (operation.who, operation.other):
        ledger.begin(session, one, PRICES.start)
    entries = {wallet(operation.who): -operation.amount, wallet(operation.other): operation.amount}
    ledger.post(session, Transaction(f"gift:{operation.number}", Kind.GIFT, operation.who, entries))


def _earn(session: Session, operation: Operation) -> None:
    parts = shares(operation.amount, makers(operation))
    entries = {MINT: -operation.amount, **{wallet(who): part for who, part in parts.items()}}
    ledger.post(session, Transaction(f"earn:{operation.number}", Kind.DOWNLOAD, operation.who, entries))


def makers(operation: Operation) -> list[Payee]:
    """Two makers, or one."""
    second = [] if operation.who == operation.other else [Payee(operation.other, 1)]
    return [Payee(operation.who, 0), *second]


_DO: dict[str, Callable[[Session, Operation], None]] = {
    "reserve": _reserve,
    "close": _close,
    "gift": _gift,
    "earn": _earn,
}


@dataclass
class Model:
    """What the ledger must say after a history, kept in dictionaries."""

    free: dict[str, int] = field(default_factory=dict)
    held: dict[str, int] = field(default_factory=dict)
    reservations: dict[int, tuple[str, int, bool]] = field(default_factory=dict)
    minted: int = 0
    spent: int = 0
    transactions: int = 0
    begun: set[str] = field(default_factory=set)

    def apply(self, operation: Operation) -> None:
        """One operation, once."""
        getattr(self, f"_{operation.what}")(operation)

    def _begin(self, who: str) -> None:
        if who not in self.begun:
            self.begun.add(who)
            self._mint(who, PRICES.start)
            self.transactions += 1

    def _mint(self, who: str, amount: int) -> None:
        self.free[who] = self.free.get(who, 0) + amount
        self.minted += amount

    def _reserve(self, operation: Operation) -> None:
        training = bool(operation.amount % 2)
        price = 100 if training else 3 * operation.amount
        # as in the ledger, a refusal takes back the opening of the account, for both are one transaction
        free = self.free.get(operation.who, 0) + (0 if operation.who in self.begun else PRICES.start)
        if free < price:
            return
        self._begin(operation.who)
        self.free[operation.who] -= price
        self.held[operation.who] = self.held.get(operation.who, 0) + price
        self.reservations[operation.number] = (operation.who, price, training)
        self.transactions += 1

    def _close(self, operation: Operation) -> None:
        if operation.earlier not in self.reservations:
            return
        who, price, training = self.reservations.pop(operation.earlier)
        units = (0, 1, 5_000)[operation.amount % 3]
        paid = min(price, 100 * units if training else 3 * -(-units // 1000))
        self.held[who] -= price
        self.free[who] += price - paid
        self.spent += paid
        self.transactions += 1

    def _gift(self, operation: Operation) -> None:
        who, other = operation.who, operation.other
        free = self.free.get(who, 0) + (0 if who in self.begun else PRICES.start)
        if who == other or free < operation.amount:
            return
        for one in (who, other):
            self._begin(one)
        self.free[who] -= operation.amount
        self.free[other] = self.free.get(other, 0) + operation.amount
        self.transactions += 1

    def _earn(self, operation: Operation) -> None:
        nearer = operation.amount
        if operation.who != operation.other:
            nearer = round(operation.amount * 2 / 3)
            self._mint(operation.other, operation.amount - nearer)
        self._mint(operation.who, nearer)
        self.transactions += 1


def main() -> None:
    """Goes on from operation FIRST to the end."""
    url, seed, count, first = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    database = Database(url)
    upgrade(database, MIGRATIONS)
    operations, source = history(seed, count), random.Random(first)
    for operation in operations[first:]:
        perform(database, operation)
        sys.stdout.write(f"{operation.number}\n")
        sys.stdout.flush()
        if source.random() < 0.1:
            again(database, operations[source.randint(0, operation.number)])


def again(database: Database, operation: Operation) -> None:
    """What was done before comes again: nothing may change. What was refused before is no replay, and is left out."""
    with database.read() as session:
        was_done = _was_done(session, operation)
    if was_done:
        perform(database, operation)


def _was_done(session: Session, operation: Operation) -> bool:
    keys = {
        "reserve": f"reserve:r{operation.number}",
        "gift": f"gift:{operation.number}",
        "earn": f"earn:{operation.number}",
        "close": f"close:r{operation.earlier}",
    }
    return ledger.find(session, keys[operation.what]) is not None


if __name__ == "__main__":
    main()
