"""10,000 random operations with kill -9 between: balances equal the sum of entries, replays add nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text

from services.catalog.credits.tests.killing import check, run_with_kills
from services.common.database import Database

COUNT, KILLS, SEED = 10_000, 12, 20261126


@pytest.mark.slow
def test_ten_thousand_operations_with_kills_between(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'catalog.sqlite'}"
    assert run_with_kills(url, SEED, COUNT, KILLS) == KILLS
    model = check(url, SEED, COUNT)
    assert model.spent > 0
    assert model.transactions > COUNT // 3  # the history is not one of refusals


def test_a_lost_or_doubled_entry_would_be_seen(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'catalog.sqlite'}"
    assert run_with_kills(url, SEED, 120, 2) == 2
    check(url, SEED, 120)
    database = Database(url)
    with database.write() as session:
        session.execute(text("DROP TRIGGER ledger_entries_no_update"))
        session.execute(text("UPDATE ledger_entries SET amount = amount + 1 WHERE account_id = 'wallet:ana'"))
    with pytest.raises(AssertionError):
        check(url, SEED, 120)
