"""The ledger's rules on SQLite; and how shares are cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.catalog.credits.domain import Kind, Payee, Prices, Transaction, shares
from services.catalog.credits.setting import prices
from services.catalog.credits.tests.rules_suite import LedgerRules
from services.common.database import Database
from services.common.errors import Unprocessable


class TestOnSqlite(LedgerRules):
    def test_not_even_a_replacing_insert_changes_a_row(self, database: Database) -> None:
        from sqlalchemy import text
        from sqlalchemy.exc import DBAPIError

        with pytest.raises(DBAPIError, match="ledger: "), database.write() as session:
            session.execute(text("INSERT OR REPLACE INTO ledger_entries VALUES ('wallet:ana', 1, 't', 999, 999)"))


@given(st.integers(1, 10_000), st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 16)), min_size=1))
def test_shares_sum_to_the_amount_and_the_nearest_gets_most(amount: int, made: list[tuple[str, int]]) -> None:
    lineage = [Payee(*one) for one in made]
    parts = shares(amount, lineage)
    assert sum(parts.values()) == amount
    assert all(part > 0 for part in parts.values())
    assert shares(amount, list(reversed(lineage))) == parts


def test_each_step_of_a_lineage_weighs_half() -> None:
    assert shares(70, [Payee("me", 0), Payee("upstream", 1), Payee("base", 2)]) == {
        "me": 40, "upstream": 20, "base": 10,
    }  # fmt: skip


@pytest.mark.parametrize("entries", [{"a": 1}, {"a": 1, "b": -2}, {"a": 0, "b": 0}, {}])
def test_a_transaction_that_does_not_sum_to_zero_cannot_be_thought(entries: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="sum to zero"):
        Transaction("k", Kind.GIFT, "a", entries)


def test_the_settings_of_a_hub() -> None:
    assert prices({}) == Prices(charging=True, start=10_000)
    assert prices({"VOICEHUB_CREDITS": "off", "VOICEHUB_CREDITS_START": "5"}) == Prices(charging=False, start=5)
    with pytest.raises(ValueError, match="VOICEHUB_CREDITS"):
        prices({"VOICEHUB_CREDITS": "maybe"})
    with pytest.raises(Unprocessable, match="paid for"):
        Prices().price("air", 1)
