"""The schema that the migrations make is the one that the tables describe."""

from __future__ import annotations

from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import MetaData

from services.catalog.community import tables as community
from services.catalog.credits import tables as ledger
from services.catalog.datasets import tables as datasets
from services.catalog.store import access_tables, pull_tables, tables
from services.catalog.transfer import tables as transfer
from services.common.database import Database
from services.common.migrations import upgrade
from services.common.tables import metadata as messaging

Base = tables.Base
MODULES = (tables, access_tables, pull_tables, community, ledger, datasets, transfer)
"""Every module that has tables of the catalog: `Base` knows what was imported."""
SCRIPTS = Path(__file__).parents[1] / "migrations"


def test_the_migrations_make_the_tables(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'catalog.sqlite'}")
    upgrade(database, SCRIPTS)
    upgrade(database, SCRIPTS)
    whole = MetaData()
    assert all(module.Base.metadata is Base.metadata for module in MODULES)
    for table in [*Base.metadata.tables.values(), *messaging.tables.values()]:
        table.to_metadata(whole)
    with database.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), whole) == []
