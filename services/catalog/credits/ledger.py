"""Posting to the ledger and reading it. Each function works in the caller's transaction of the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from services.catalog.credits.domain import MINT, Kind, Transaction, held, may_be_negative, too_little, wallet
from services.catalog.credits.tables import LedgerAccountRow, LedgerEntryRow, LedgerTransactionRow
from services.catalog.paging import Page
from services.common.clock import now
from services.common.errors import Unprocessable
from services.common.ids import new_id


@dataclass(frozen=True)
class Line:
    """A line of somebody's statement: what a transaction did to a wallet, and the balance after it."""

    sequence: int
    kind: str
    amount: int
    balance: int
    reference: str
    note: str
    create_time: datetime


def post(session: Session, transaction: Transaction) -> bool:
    """Posts a transaction; False if it was posted before under the same key.

    Raises:
        Unprocessable: a wallet has too little, or the key was used for something else.
    """
    if known := find(session, transaction.key):
        if known.digest != transaction.digest:
            raise Unprocessable(
                "This key was used for another transaction.",
                hint="Use a fresh key for a new request.",
                reason="IDEMPOTENCY_KEY_REUSED",
            )
        return False
    identifier = new_id()
    lasts = _lasts(session, list(transaction.entries))
    for name, amount in transaction.entries.items():
        before = lasts[name][1]
        if before + amount < 0 and not may_be_negative(name):
            raise too_little(name.partition(":")[2], -amount, before)
    for name, amount in sorted(transaction.entries.items()):
        number, before = lasts[name]
        _open(session, name)
        session.execute(
            insert(LedgerEntryRow).values(
                account_id=name, number=number + 1, transaction_id=identifier, amount=amount, balance=before + amount
            )
        )
    session.execute(insert(LedgerTransactionRow).values(id=identifier, create_time=now(), **_columns(transaction)))
    return True


def find(session: Session, key: str) -> LedgerTransactionRow | None:
    """The transaction with this key."""
    return session.scalars(select(LedgerTransactionRow).where(LedgerTransactionRow.key == key)).one_or_none()


def closing_of(session: Session, key: str) -> LedgerTransactionRow | None:
    """What ended the reservation with this key."""
    return session.scalars(select(LedgerTransactionRow).where(LedgerTransactionRow.closes == key)).one_or_none()


def begin(session: Session, account: str, amount: int) -> None:
    """Gives an account what it starts with, once; later changes of the amount do not reach it."""
    key = f"start:{account}"
    if amount > 0 and find(session, key) is None:
        post(session, Transaction(key, Kind.START, account, {MINT: -amount, wallet(account): amount}))


def balance(session: Session, ledger_account: str) -> int:
    """What the last entry of an account says."""
    return _lasts(session, [ledger_account])[ledger_account][1]


def amounts(session: Session, transaction: LedgerTransactionRow) -> Mapping[str, int]:
    """The entries of a transaction."""
    query = select(LedgerEntryRow).where(LedgerEntryRow.transaction_id == transaction.id)
    return {row.account_id: row.amount for row in session.scalars(query)}


def how_many(session: Session, account: str, kind: Kind, since: datetime) -> int:
    """Transactions of a kind that count for an account."""
    query = select(func.count()).select_from(LedgerTransactionRow)
    query = query.where(LedgerTransactionRow.account == account, LedgerTransactionRow.kind == kind.value)
    return session.scalar(query.where(LedgerTransactionRow.create_time >= since)) or 0


def statement(session: Session, account: str, page: Page) -> Sequence[Line]:
    """Up to `page.size + 1` lines of a wallet, newest first."""
    query = (
        select(LedgerEntryRow, LedgerTransactionRow)
        .join(LedgerTransactionRow, LedgerTransactionRow.id == LedgerEntryRow.transaction_id)
        .where(LedgerEntryRow.account_id == wallet(account), LedgerEntryRow.number < page.before)
        .order_by(LedgerEntryRow.number.desc())
        .limit(page.size + 1)
    )
    return [
        Line(entry.number, row.kind, entry.amount, entry.balance, row.reference, row.note, row.create_time)
        for entry, row in session.execute(query)
    ]


def reserved(session: Session, account: str) -> int:
    """What an account has reserved."""
    return balance(session, held(account))


def _lasts(session: Session, names: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Number and balance of the last entry, by account; zeros where there is none."""
    found = dict.fromkeys(names, (0, 0))
    for name in names:
        query = select(LedgerEntryRow.number, LedgerEntryRow.balance).where(LedgerEntryRow.account_id == name)
        if row := session.execute(query.order_by(LedgerEntryRow.number.desc()).limit(1)).one_or_none():
            found[name] = (row.number, row.balance)
    return found


def _open(session: Session, name: str) -> None:
    if session.scalar(select(LedgerAccountRow.id).where(LedgerAccountRow.id == name)) is None:
        session.execute(insert(LedgerAccountRow).values(id=name, negative=may_be_negative(name)))


def _columns(transaction: Transaction) -> dict[str, str | None]:
    return {
        "key": transaction.key,
        "digest": transaction.digest,
        "kind": transaction.kind.value,
        "account": transaction.account,
        "reference": transaction.reference,
        "note": transaction.note,
        "closes": transaction.closes,
    }
