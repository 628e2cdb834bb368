"""What the ledger's database must refuse, whoever writes: run on SQLite here, on PostgreSQL in tests/engines."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from services.catalog.credits import ledger, reserving
from services.catalog.credits.domain import MINT, Kind, Prices, Transaction, wallet
from services.common.database import Database
from services.common.errors import Unprocessable

PRICES = Prices(start=250)
INSERT = "INSERT INTO ledger_entries(account_id, number, transaction_id, amount, balance) VALUES "
ROW = (
    "INSERT INTO ledger_transactions(id, key, digest, kind, account, reference, note, closes, create_time) "
    "VALUES ('{id}', '{key}', '', 'gift', 'ana', '', '', NULL, '2026-01-01')"
)


class LedgerRules:
    @pytest.fixture(autouse=True)
    def _ana(self, database: Database) -> None:
        with database.write() as session:
            ledger.begin(session, "ana", 250)
            ledger.begin(session, "bo", 250)

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE ledger_entries SET amount = 1",
            "UPDATE ledger_transactions SET note = 'x'",
            "UPDATE ledger_accounts SET negative = (1 = 1)",
            "DELETE FROM ledger_entries",
            "DELETE FROM ledger_transactions",
            "DELETE FROM ledger_accounts",
            INSERT + "('wallet:ana', 2, 't', 5, 999)",
            INSERT + "('wallet:ana', 3, 't', 5, 255)",
            INSERT + "('wallet:ana', 2, 't', -251, -1)",
            ROW.format(id="t", key="k"),
            ROW.format(id="t", key="start:ana"),
        ],
    )
    def test_no_row_changes_goes_or_lies(self, database: Database, statement: str) -> None:
        with pytest.raises(DBAPIError, match="ledger: "), database.write() as session:
            session.execute(text(statement))

    def test_entries_without_their_transaction_do_not_commit(self, database: Database) -> None:
        with pytest.raises(DBAPIError, match=r"(?i)foreign key"), database.write() as session:
            session.execute(text(INSERT + "('wallet:ana', 2, 't', 5, 255)"))

    def test_entries_must_sum_to_zero(self, database: Database) -> None:
        with database.write() as session:
            session.execute(text(INSERT + "('wallet:ana', 2, 't', 5, 255), ('wallet:bo', 2, 't', -4, 246)"))
            with pytest.raises(DBAPIError, match="do not sum to zero"):
                session.execute(text(ROW.format(id="t", key="k")))
            session.rollback()

    def test_a_sealed_transaction_takes_no_more_entries(self, database: Database) -> None:
        with database.write() as session:
            session.execute(text(INSERT + "('wallet:ana', 2, 't', 5, 255), ('wallet:bo', 2, 't', -5, 245)"))
            session.execute(text(ROW.format(id="t", key="k")))
        with pytest.raises(DBAPIError, match="sealed"), database.write() as session:
            session.execute(text(INSERT + "('wallet:ana', 3, 't', 5, 260)"))

    def test_a_reservation_ends_once_however_often_it_is_said(self, database: Database) -> None:
        with database.write() as session:
            assert reserving.reserve(session, PRICES, "ana", "job", "training", 1) == 100
            assert reserving.reserve(session, PRICES, "ana", "job", "training", 1) == 100
        with database.write() as session:
            assert reserving.close(session, PRICES, "job", 1) == 100
            assert reserving.close(session, PRICES, "job", 0) == 0
            assert reserving.close(session, PRICES, "job", 1) == 0
        with database.read() as session:
            assert (ledger.balance(session, wallet("ana")), ledger.reserved(session, "ana")) == (150, 0)

    def test_a_failure_gives_all_of_it_back(self, database: Database) -> None:
        with database.write() as session:
            reserving.reserve(session, PRICES, "ana", "job", "training", 1)
            assert reserving.close(session, PRICES, "job", 0) == 0
            assert (ledger.balance(session, wallet("ana")), ledger.reserved(session, "ana")) == (250, 0)

    def test_what_was_not_used_goes_back(self, database: Database) -> None:
        with database.write() as session:
            assert reserving.reserve(session, PRICES, "ana", "batch", "synthesis", 10_001) == 22
            assert reserving.close(session, PRICES, "batch", 4_000) == 8
            assert ledger.balance(session, wallet("ana")) == 242

    def test_nobody_spends_what_they_have_not(self, database: Database) -> None:
        with database.write() as session:
            reserving.reserve(session, PRICES, "ana", "one", "training", 2)
        with pytest.raises(Unprocessable) as refused, database.write() as session:
            reserving.reserve(session, PRICES, "ana", "two", "training", 1)
        assert refused.value.reason == "TOO_FEW_CREDITS"
        assert "50 credits" in refused.value.message

    def test_a_key_says_one_thing(self, database: Database) -> None:
        def gift(amount: int) -> Transaction:
            return Transaction("gift:k", Kind.GIFT, "ana", {wallet("ana"): -amount, wallet("bo"): amount})

        with database.write() as session:
            assert ledger.post(session, gift(5))
            assert not ledger.post(session, gift(5))
            with pytest.raises(Unprocessable, match="key"):
                ledger.post(session, gift(6))
            assert ledger.balance(session, wallet("bo")) == 255
            assert ledger.balance(session, MINT) == -500
