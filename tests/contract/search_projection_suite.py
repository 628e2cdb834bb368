"""The index as a projection of the tables, on every engine: followed, lost, rebuilt while it is read, and killed."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import select

from services.catalog.domain.refs import MAIN, RefKind
from services.catalog.domain.road import State
from services.catalog.domain.visibility import Visibility
from services.catalog.search.finding import find
from services.catalog.search.keeper import Keeper, ask
from services.catalog.search.lexicon_data import load
from services.catalog.search.port import SearchIndex, Viewer
from services.catalog.search.projection import Lag, Projection
from services.catalog.search.query import understand
from services.catalog.search.snapshot import changes_after, end_of_log, snapshot
from services.catalog.store import refs, repositories
from services.catalog.store.tables import RebuildRow, RepositoryRow, VersionRow
from services.common.clock import now
from services.common.database import Database
from services.common.ids import new_id
from services.common.migrations import upgrade

SCRIPTS = Path(__file__).parents[2] / "services" / "catalog" / "migrations"
CARD: Mapping[str, Any] = {"languages": ["en"], "measured": {"mos": {"value": 3.9}}}
NO_FIGURES: Mapping[str, Any] = {}
_numbers = itertools.count()


def publish(
    database: Database,
    state: State = State.PUBLISHED,
    visibility: Visibility = Visibility.PUBLIC,
    card: Mapping[str, Any] = CARD,
    figures: Mapping[str, Any] = NO_FIGURES,
    name: str = "",
) -> str:
    """A voice of ann in a repository of its own; answers the repository's id."""
    with database.write() as session:
        repository = repositories.create(session, "ann", name or f"voice-{next(_numbers)}", visibility)
        version = VersionRow(
            id=new_id(), repository_id=repository.id, parents=[], author="ann", message="", create_time=now(),
            training_job="", uploads=[], card=dict(card), figures=dict(figures),
            declaration={}, state=state.value,
        )  # fmt: skip
        session.add(version)
        session.flush()
        refs.put(session, repository, MAIN, RefKind.BRANCH, "ann")
        refs.forward(session, version)
        repositories.mark_stale(session, repository.id)
        return repository.id


def withdraw(database: Database, repository: str) -> None:
    with database.write() as session:
        version = session.scalars(select(VersionRow).where(VersionRow.repository_id == repository)).one()
        version.state = State.QUARANTINED.value
        refs.withdraw(session, version)
        repositories.mark_stale(session, repository)


def show_to(database: Database, repository: str, visibility: Visibility) -> None:
    with database.write() as session:
        repositories.by_id(session, repository).visibility = visibility.value
        repositories.mark_stale(session, repository)


def shown(index: SearchIndex, text: str = "", account: str = "") -> list[str]:
    return sorted(hit.id for hit in find(index, load(), understand(text, load()), Viewer(account), 10_000).hits)


def in_tables(database: Database) -> list[str]:
    """Ids of the public voices, as the tables say."""
    public = RepositoryRow.visibility == Visibility.PUBLIC.value
    query = select(RepositoryRow.id).join(VersionRow, VersionRow.repository_id == RepositoryRow.id)
    with database.read() as session:
        return sorted(session.scalars(query.where(VersionRow.state == State.PUBLISHED.value, public)))


@pytest.fixture
def database(tmp_path: Path) -> Database:
    made = Database(f"sqlite:///{tmp_path / 'catalog.sqlite'}")
    upgrade(made, SCRIPTS)
    return made


class ProjectionContract:
    """An engine joins by a fixture `index`, and `another`: what makes a second index that was never filled."""

    def test_what_was_committed_before_is_found_after_catching_up(self, database: Database, index: SearchIndex) -> None:
        projection = Projection(database, index)
        first = publish(database)
        publish(database, State.EXPORTED)
        assert projection.lag().changes == 2
        projection.catch_up()
        assert shown(index) == shown(index, "mos:>3.8 英语") == [first]
        assert projection.lag() == Lag()
        second = publish(database)
        lag = projection.lag()
        assert lag.changes == 1
        assert 0 <= lag.seconds < 60
        projection.catch_up()
        assert shown(index) == sorted([first, second])

    def test_a_version_taken_back_leaves_and_a_visibility_is_followed(
        self, database: Database, index: SearchIndex
    ) -> None:
        projection = Projection(database, index)
        first, second = publish(database), publish(database)
        projection.catch_up()
        withdraw(database, first)
        show_to(database, second, Visibility.PRIVATE)
        projection.catch_up()
        assert shown(index) == []
        assert shown(index, account="ann") == [second]
        show_to(database, second, Visibility.PUBLIC)
        projection.catch_up()
        assert shown(index) == [second]

    def test_a_lost_index_is_filled_from_the_tables(
        self, database: Database, index: SearchIndex, another: Callable[[], SearchIndex]
    ) -> None:
        Projection(database, index).catch_up()
        expected = sorted(publish(database) for _ in range(7))
        lost = another()
        projection = Projection(database, lost)
        assert projection.lag().changes == len(expected)
        projection.catch_up()
        assert projection.lag() == Lag()
        assert shown(lost) == expected
        lost.close()

    def test_an_index_that_is_ahead_of_restored_tables_is_filled_anew(
        self, database: Database, index: SearchIndex, tmp_path: Path
    ) -> None:
        for _ in range(3):
            publish(database)
        Projection(database, index).catch_up()
        restored = Database(f"sqlite:///{tmp_path / 'restored.sqlite'}")
        upgrade(restored, SCRIPTS)
        kept = publish(restored)
        Projection(restored, index).catch_up()
        assert shown(index) == [kept]

    def test_the_snapshot_has_every_voice_once_and_states_its_position(self, database: Database) -> None:
        voices = [publish(database) for _ in range(5)]
        with database.read() as session:
            pages = [snapshot(session, size=2)]
            while pages[-1].after is not None:
                pages.append(snapshot(session, pages[-1].after, 2))
            assert [change.id for page in pages for change in page.changes] == voices
            assert {page.position for page in pages} == {end_of_log(session)}
            assert changes_after(session, end_of_log(session)) == []

    def test_a_rebuild_misses_nothing_and_no_reader_sees_a_gap(self, database: Database, index: SearchIndex) -> None:
        stay = [publish(database) for _ in range(20)]
        projection = Projection(database, index)
        projection.catch_up()
        done, ready = threading.Event(), threading.Barrier(3)
        gaps: list[object] = []
        looks = itertools.count()

        def read() -> None:
            ready.wait()
            while not done.is_set():
                with projection.current():
                    found = shown(index)
                next(looks)
                if not set(stay) <= set(found) or len(found) != len(set(found)):
                    gaps.append(found)

        def write() -> None:
            ready.wait()
            while not done.is_set():
                fresh = publish(database)
                if next(_numbers) % 2:
                    withdraw(database, fresh)
                show_to(database, fresh, Visibility.PRIVATE if next(_numbers) % 2 else Visibility.PUBLIC)

        threads = [threading.Thread(target=work) for work in (read, write)]
        for thread in threads:
            thread.start()
        ready.wait()
        rebuilt = [projection.rebuild() for _ in range(4)]
        done.set()
        for thread in threads:
            thread.join()
        projection.catch_up()
        assert gaps == []
        assert next(looks) > 4
        assert rebuilt[-1].voices >= len(stay)
        assert shown(index) == in_tables(database)
        assert projection.lag() == Lag()

    def test_the_gauges_tell_the_lag_and_the_keeper_closes_it(self, database: Database, index: SearchIndex) -> None:
        first = publish(database)
        keeper = Keeper(database, Projection(database, index))
        keeper.start()
        try:
            deadline = time.monotonic() + 30
            while REGISTRY.get_sample_value("voicehub_search_lag_changes") != 0:
                assert time.monotonic() < deadline
                time.sleep(0.05)
            assert REGISTRY.get_sample_value("voicehub_search_lag_seconds") == 0
        finally:
            keeper.stop()
        assert shown(index) == [first]
        publish(database)
        assert REGISTRY.get_sample_value("voicehub_search_lag_changes") == 1

    def test_the_keeper_rebuilds_when_asked_and_follows_unasked(self, database: Database, index: SearchIndex) -> None:
        first = publish(database)
        keeper = Keeper(database, Projection(database, index))
        keeper.look()
        assert shown(index) == [first]
        asked = ask(database)
        keeper.look()
        with database.read() as session:
            row = session.get_one(RebuildRow, asked)
        assert row.end_time is not None
        assert row.voices == 1
        assert shown(index) == [first]
