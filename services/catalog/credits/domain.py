"""Accounts, entries and shares; no input, no output. Amounts are whole credits."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from services.common.errors import Unprocessable

MINT, SPENT = "hub:mint", "hub:spent"
"""Where credits come from, the one account that may be negative, and where spent ones go."""


class Kind(StrEnum):
    """What a transaction is."""

    START = "start"
    RESERVE = "reserve"
    SETTLE = "settle"
    REFUND = "refund"
    PUBLISH = "publish"
    MERGE = "merge"
    DOWNLOAD = "download"
    COMPUTE = "compute"
    GIFT = "gift"


def wallet(account: str) -> str:
    """The ledger account of what somebody may spend."""
    return f"wallet:{account}"


def held(account: str) -> str:
    """The ledger account of what somebody has reserved."""
    return f"held:{account}"


def may_be_negative(ledger_account: str) -> bool:
    """Only the source of all credits may."""
    return ledger_account == MINT


@dataclass(frozen=True)
class Transaction:
    """Amounts by ledger account that sum to zero.

    Attributes:
        key: of what happened; the same key is posted once.
        account: whose statement and daily bounds it counts for.
        reference: what it is about: a version, a training job, a batch.
        closes: key of the reservation that it ends; a reservation is ended once.
    """

    key: str
    kind: Kind
    account: str
    entries: Mapping[str, int]
    reference: str = ""
    note: str = ""
    closes: str | None = None

    def __post_init__(self) -> None:
        if sum(self.entries.values()) or not all(self.entries.values()) or len(self.entries) < 2:
            raise ValueError(f"the entries of {self.key} do not sum to zero, or one of them is zero")

    @property
    def digest(self) -> str:
        """SHA-256 of all that the transaction says: the same key with another digest is another request."""
        said = [self.kind, self.account, sorted(self.entries.items()), self.reference, self.note, self.closes]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()


@dataclass(frozen=True)
class Payee:
    """A maker of a version, and how many steps of its lineage lie between."""

    account: str
    distance: int


def shares(amount: int, lineage: Sequence[Payee]) -> dict[str, int]:
    """An amount among the makers of a voice: each step away from the version weighs half; sums to `amount`.

    What does not divide goes by the largest remainder, at a tie to the nearer maker, then by name.
    """
    weights: dict[str, int] = {}
    furthest = max((payee.distance for payee in lineage), default=0)
    for payee in lineage:
        weights[payee.account] = weights.get(payee.account, 0) + (1 << furthest - payee.distance)
    total = sum(weights.values())
    parts = {account: amount * weight // total for account, weight in weights.items()}
    order = sorted(weights, key=lambda account: (-(amount * weights[account] % total), -weights[account], account))
    for account in order[: amount - sum(parts.values())]:
        parts[account] += 1
    return {account: part for account, part in parts.items() if part}


@dataclass(frozen=True)
class Prices:
    """What is paid and what is earned; `charging` off: nothing costs anything.

    Attributes:
        start: what every account begins with.
        training: a training job.
        synthesis: 1,000 characters of a batch, begun ones counted whole.
        publish: earned by a published version, for at most `publishes_a_day` versions of an account a day.
        download: earned by the first download of a version by somebody else, at most `downloads_a_day` of an account.
        merge: earned by the author of an adopted merge, for at most `merges_a_day` of an account.
    """

    charging: bool = True
    start: int = 10_000
    training: int = 100
    synthesis: int = 2
    publish: int = 20
    publishes_a_day: int = 5
    download: int = 10
    downloads_a_day: int = 100
    merge: int = 50
    merges_a_day: int = 10

    def price(self, purpose: str, units: int) -> int:
        """Credits for so many jobs (`training`) or characters (`synthesis`); Unprocessable for anything else."""
        if purpose == "training":
            return self.training * units
        if purpose == "synthesis":
            return self.synthesis * -(-units // 1000)
        raise Unprocessable(f"Nothing called {purpose!r} is paid for.", hint="Use training or synthesis.")


@dataclass(frozen=True)
class Balance:
    """What an account may spend, and what it has reserved."""

    account: str
    free: int
    reserved: int
    prices: Prices = field(default_factory=Prices)


def too_little(account: str, wanted: int, free: int) -> Unprocessable:
    """The refusal of somebody who has not enough."""
    return Unprocessable(
        f"{account} has {free} credits, and this takes {wanted}.",
        hint="Credits are earned by published voices, adopted merges and downloads; `voicehub credits` shows yours.",
        reason="TOO_FEW_CREDITS",
    )
