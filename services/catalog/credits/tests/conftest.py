"""A ledger in a database file, as the migrations make it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from services.catalog.credits.tests.random_history import MIGRATIONS
from services.common.database import Database
from services.common.migrations import upgrade


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(f"sqlite:///{tmp_path / 'catalog.sqlite'}")
    upgrade(made, MIGRATIONS)
    yield made
    made.engine.dispose()
