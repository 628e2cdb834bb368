"""Credits on the hub: what the user has, what became of it, and gifts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from voicehub.decoding import decode
from voicehub.transport import Transport


@dataclass(frozen=True)
class Credits:
    """What an account can spend (`balance`), what is set aside for work under way, and what things cost and earn."""

    account: str
    balance: int = 0
    reserved: int = 0
    charging: bool = True
    prices: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class CreditEntry:
    """A line of the statement, and the balance after it."""

    number: int
    kind: str = ""
    amount: int = 0
    balance: int = 0
    reference: str = ""
    note: str = ""
    create_time: datetime | None = None


class CreditBook:
    """The user's credits on one hub: `Client().credits`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def get(self) -> Credits:
        """What the user has."""
        return decode(Credits, self._transport.json("GET", "/v1/credits"))

    def entries(self) -> Iterator[CreditEntry]:
        """The statement, newest first."""
        return (decode(CreditEntry, item) for item in self._transport.items("/v1/credits/entries"))

    def give(self, to: str, amount: int, note: str = "") -> Credits:
        """A gift; answers what the user has left. Refused when that is too little."""
        body = {"to": to, "amount": amount, "note": note}
        return decode(Credits, self._transport.json("POST", "/v1/credits/gifts", body=body))
