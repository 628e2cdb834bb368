"""The index as a projection of the tables: marked, caught up, lost and rebuilt."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from services.catalog.domain.road import State
from services.catalog.domain.visibility import Visibility
from services.catalog.search.finding import find
from services.catalog.search.lexicon import load
from services.catalog.search.port import SearchIndex, Viewer, open_index
from services.catalog.search.projection import Lag, Projection
from services.catalog.search.query import understand
from services.catalog.store import repositories
from services.catalog.store.tables import VersionRow
from services.common.clock import now
from services.common.database import Database
from services.common.ids import new_id
from services.common.migrations import upgrade

SCRIPTS = Path(__file__).parents[1] / "migrations"


@pytest.fixture
def database(tmp_path: Path) -> Database:
    made = Database(f"sqlite:///{tmp_path / 'catalog.sqlite'}")
    upgrade(made, SCRIPTS)
    return made


def publish(database: Database, name: str, state: State = State.PUBLISHED) -> str:
    with database.write() as session:
        repository = repositories.create(session, "ann", name, Visibility.PUBLIC)
        version = VersionRow(
            id=new_id(), repository_id=repository.id, parents=[], author="ann", message="", create_time=now(),
            training_job="", uploads=[], card={"languages": ["en"], "measured": {"mos": {"value": 3.9}}}, figures={},
            declaration={}, state=state.value,
        )  # fmt: skip
        session.add(version)
        session.flush()
        repositories.forward_main(session, version)
        repositories.mark_stale(session, repository.id)
        return repository.id


def shown(index: SearchIndex, text: str = "") -> set[str]:
    return {hit.id for hit in find(index, load(), understand(text, load()), Viewer(), 10_000).hits}


def test_what_was_committed_before_is_found_after_catching_up(tmp_path: Path, database: Database) -> None:
    index = open_index(f"sqlite:///{tmp_path / 'search.sqlite'}")
    projection = Projection(database, index)
    first = publish(database, "first")
    publish(database, "not-yet", State.EXPORTED)
    assert shown(index) == set()
    projection.catch_up()
    assert shown(index) == shown(index, "mos:>3.8 英语") == {first}
    assert projection.lag() == Lag()


def test_a_version_taken_back_leaves_the_index(tmp_path: Path, database: Database) -> None:
    index = open_index(f"sqlite:///{tmp_path / 'search.sqlite'}")
    first = publish(database, "first")
    projection = Projection(database, index)
    projection.catch_up()
    assert shown(index) == {first}
    with database.write() as session:
        version = session.scalars(select(VersionRow)).one()
        version.state = State.QUARANTINED.value
        repositories.withdraw_from_main(session, version, State.PUBLISHED.value)
        repositories.mark_stale(session, first)
    projection.catch_up()
    assert shown(index) == set()


def test_a_lost_index_is_rebuilt_from_the_tables(tmp_path: Path, database: Database) -> None:
    index = open_index(f"sqlite:///{tmp_path / 'search.sqlite'}")
    Projection(database, index).catch_up()
    expected = {publish(database, f"r{n}") for n in range(7)}
    index.close()
    lost = open_index(f"sqlite:///{tmp_path / 'another.sqlite'}")
    projection = Projection(database, lost)
    assert projection.lag().changes == len(expected)
    projection.catch_up()
    assert projection.lag() == Lag()
    assert shown(lost) == expected
