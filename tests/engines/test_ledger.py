"""The ledger of credits on PostgreSQL: the same rules in the database, and a random history with kill -9 between."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from services.catalog.credits.tests.killing import check, run_with_kills
from services.catalog.credits.tests.random_history import MIGRATIONS
from services.catalog.credits.tests.rules_suite import LedgerRules
from services.common.database import Database
from services.common.migrations import upgrade

COUNT, KILLS, SEED = 1_000, 5, 77


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    made = Database(database_url)
    upgrade(made, MIGRATIONS)
    yield made
    made.engine.dispose()


class TestOnPostgreSQL(LedgerRules):
    def test_tables_are_not_emptied(self, database: Database) -> None:
        with pytest.raises(DBAPIError, match="ledger: "), database.write() as session:
            session.execute(text("TRUNCATE ledger_entries"))


def test_a_random_history_with_kills_between(database_url: str) -> None:
    assert run_with_kills(database_url, SEED, COUNT, KILLS) == KILLS
    assert check(database_url, SEED, COUNT).transactions > COUNT // 3
