"""Reserve → settle or refund: what work costs is set aside before it begins, and paid when it has ended."""

from __future__ import annotations

from sqlalchemy.orm import Session

from services.catalog.credits import ledger
from services.catalog.credits.domain import SPENT, Kind, Prices, Transaction, held, wallet

CLOSING = {True: Kind.SETTLE, False: Kind.REFUND}


def reserve(session: Session, prices: Prices, account: str, reservation: str, purpose: str, units: int) -> int:
    """Sets aside what the work costs; answers the credits. Said again with the same id it changes nothing.

    Raises:
        Unprocessable: the account has too little.
    """
    amount = prices.price(purpose, units)
    if not prices.charging or not amount:
        return 0
    ledger.begin(session, account, prices.start)
    entries = {wallet(account): -amount, held(account): amount}
    ledger.post(session, Transaction(_key(reservation), Kind.RESERVE, account, entries, reservation, purpose))
    return amount


def close(session: Session, prices: Prices, reservation: str, units: int) -> int:
    """Ends a reservation: so many units are paid, the rest goes back; answers the credits that were paid.

    Nothing happens to a reservation that there is not (nothing was charged) or that has ended already.
    """
    begun = ledger.find(session, _key(reservation))
    if begun is None or ledger.closing_of(session, begun.key) is not None:
        return 0
    amount = ledger.amounts(session, begun)[held(begun.account)]
    paid = min(amount, prices.price(begun.note, units) if units > 0 else 0)
    entries = {held(begun.account): -amount, SPENT: paid, wallet(begun.account): amount - paid}
    transaction = Transaction(
        key=f"close:{reservation}",
        kind=CLOSING[paid > 0],
        account=begun.account,
        entries={name: value for name, value in entries.items() if value},
        reference=reservation,
        note=begun.note,
        closes=begun.key,
    )
    ledger.post(session, transaction)
    return paid


def _key(reservation: str) -> str:
    return f"reserve:{reservation}"
