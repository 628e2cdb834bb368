"""The schema that the migrations make is the one that the tables describe."""

from __future__ import annotations

from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import MetaData

from services.catalog.store import access_tables, pull_tables
from services.catalog.store.tables import Base
from services.catalog.transfer.tables import DeltaRow
from services.common.database import Database
from services.common.migrations import upgrade
from services.common.tables import metadata as messaging

SCRIPTS = Path(__file__).parents[1] / "migrations"


def test_the_migrations_make_the_tables(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'catalog.sqlite'}")
    upgrade(database, SCRIPTS)
    upgrade(database, SCRIPTS)
    whole = MetaData()
    for row in (pull_tables.EvaluationRow, access_tables.MemberRow, DeltaRow):
        assert row.metadata is Base.metadata
    for table in [*Base.metadata.tables.values(), *messaging.tables.values()]:
        table.to_metadata(whole)
    with database.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), whole) == []
