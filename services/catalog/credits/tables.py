"""The ledger's tables. Rows are only added: triggers (`rules`) refuse everything else, whoever writes.

An entry is written before its transaction, which the foreign key allows until the commit; the transaction's row then
seals it: its entries must sum to zero, and none can be added any more.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from services.catalog.store.tables import ACCOUNT, DIGEST, ID, Base

LEDGER_ACCOUNT = String(80)
KEY = String(160)


class LedgerAccountRow(Base):
    """An account of the ledger; `negative` for the source of all credits."""

    __tablename__ = "ledger_accounts"
    id: Mapped[str] = mapped_column(LEDGER_ACCOUNT, primary_key=True)
    negative: Mapped[bool]


class LedgerTransactionRow(Base):
    """A sealed transaction. `closes` is unique, so that a reservation ends once."""

    __tablename__ = "ledger_transactions"
    __table_args__ = (
        Index("ledger_transactions_of_account", "account", "kind", "create_time"),
        {"sqlite_autoincrement": True},
    )
    sequence: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(ID, unique=True)
    key: Mapped[str] = mapped_column(KEY, unique=True)
    digest: Mapped[str] = mapped_column(DIGEST)
    kind: Mapped[str] = mapped_column(String(16))
    account: Mapped[str] = mapped_column(ACCOUNT)
    reference: Mapped[str] = mapped_column(String(128))
    note: Mapped[str] = mapped_column(Text)
    closes: Mapped[str | None] = mapped_column(ForeignKey("ledger_transactions.key"), unique=True)
    create_time: Mapped[datetime]


class LedgerEntryRow(Base):
    """An amount on an account: the `number`-th there, after which its balance is `balance`."""

    __tablename__ = "ledger_entries"
    account_id: Mapped[str] = mapped_column(ForeignKey("ledger_accounts.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    transaction_id: Mapped[str] = mapped_column(
        ForeignKey("ledger_transactions.id", deferrable=True, initially="DEFERRED"), index=True
    )
    amount: Mapped[int] = mapped_column(BigInteger)
    balance: Mapped[int] = mapped_column(BigInteger)
