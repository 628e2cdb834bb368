"""A hub is moved by a backup: from files to PostgreSQL, S3 and Kafka, and from there back into files, nothing lost."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from google.protobuf.wrappers_pb2 import StringValue
from sqlalchemy import text

from services.catalog.credits import reserving
from services.catalog.credits.domain import Prices
from services.common.admin.main import main
from services.common.backup import rows
from services.common.backup.tests.filling import ROWS, fill, settings_of
from services.common.database import Database
from services.common.errors import Unprocessable
from services.common.events import make_event, open_bus
from services.common.ids import new_id
from services.common.migrations import scripts_of, upgrade
from services.common.objects import Area, open_store
from services.common.settings import SERVICES
from services.trainer import cluster_store
from tests.engines.kafka import Kafka
from tests.engines.postgresql import PostgreSQL
from tests.engines.seaweedfs import SeaweedFS

VARIABLES = ("VOICEHUB_DATABASE_URL", "VOICEHUB_EVENTS_URL", "VOICEHUB_OBJECTS_URL")


@pytest.fixture
def own_postgresql(tmp_path: Path) -> Iterator[PostgreSQL]:
    """An empty one, with the roles of the services."""
    with PostgreSQL(tmp_path) as server:
        yield server


def admin(*arguments: str | Path) -> str:
    done = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert done.exit_code == 0, done.output
    return done.output


def state(data: Path, scratch: Path) -> tuple[dict[str, list[str]], dict[str, bytes]]:
    """All rows but those of asked-for index rebuilds, and all objects; column types are read from the engine."""
    found = {}
    settings = settings_of(data=data)
    for service, one in settings.items():
        database = Database(one.database_url)
        with database.read() as session:
            rows.dump(session, service, scratch)
        database.engine.dispose()
        lines = gzip.decompress(scratch.read_bytes()).decode().splitlines()
        tables = [one["name"] for one in rows.read_head(scratch)["tables"]]
        found[service] = sorted(tables) + [_named(line, tables) for line in lines[1:]]
        found[service] = [line for line in found[service] if not line.startswith("search_rebuilds[")]
        found[service].sort()
    store = open_store(settings["catalog"].objects_url)
    objects = {f"{a}/{d}": store.open(a, d).read() for a in Area for d in store.digests(a)}
    return found, objects


def _named(line: str, tables: list[str]) -> str:
    number, _, rest = line[1:].partition(",")
    return f"{tables[int(number)]}[{rest}"


def test_a_hub_moves_to_the_engines_of_a_cluster_and_back(
    own_postgresql: PostgreSQL,
    kafka: Kafka,
    seaweedfs: SeaweedFS,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    small = tmp_path / "small"
    fill(settings_of(data=small))
    waiting = make_event("scans", "k", StringValue(value="1"), "test")
    bus = open_bus(settings_of(data=small)["catalog"].events_url)
    bus.consumer("scanner", ["scans"]).close()
    bus.publish([waiting])
    bus.close()
    before = state(small, tmp_path / "scratch")
    admin("backup", tmp_path / "one", "--data", small)

    corner = f"backup-{new_id()}"
    urls = (own_postgresql.url, f"kafka://127.0.0.1:{kafka.port}/{corner}", f"{seaweedfs.url}/{corner}")
    for name, url in zip(VARIABLES, urls, strict=True):
        monkeypatch.setenv(name, url)
    large = tmp_path / "large"
    assert "✗" not in admin("preflight", "--data", large)
    admin("restore", tmp_path / "one", "--data", large)
    assert state(large, tmp_path / "scratch") == before
    database = Database(settings_of(data=large)["trainer"].database_url)
    with database.write() as session:
        query = "SELECT nextval(pg_get_serial_sequence('outbox', 'sequence'))"
        assert session.execute(text(query)).scalar() == ROWS + 1
        session.rollback()
    bus = open_bus(urls[1])
    marks = bus.marks()
    assert list(bus.between(marks.handled, marks.ends)) == [waiting]
    bus.close()
    admin("backup", tmp_path / "two", "--data", large)

    for name in VARIABLES:
        monkeypatch.delenv(name)
    again = tmp_path / "again"
    admin("restore", tmp_path / "two", "--data", again)
    assert state(again, tmp_path / "scratch") == before
    assert len(before[0]) == len(SERVICES)
    bus = open_bus(settings_of(data=again)["catalog"].events_url)
    assert [d.event for d in bus.consumer("scanner", ["scans"]).poll(limit=9, timeout=1)] == [waiting]
    bus.close()


def test_a_ledger_whose_rows_fill_gaps_on_the_disk_is_restored(own_postgresql: PostgreSQL, tmp_path: Path) -> None:
    database = Database(own_postgresql.url.replace("{service}", "catalog"))
    upgrade(database, scripts_of("catalog"))
    _work(database, range(60))
    for number in range(60):  # who asks for more than there is leaves dead rows
        with pytest.raises(Unprocessable), database.write() as session:
            reserving.reserve(session, Prices(), f"poor{number}", f"poor{number}", "training", 101)
    _work(database, range(60, 120))
    with database.engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        for table in ("ledger_entries", "ledger_transactions"):
            connection.execute(text(f"VACUUM {table}"))  # as the server does by itself some day
    _work(database, range(120, 150))
    with database.read() as session:
        numbers = "SELECT number, lag(number) OVER (PARTITION BY account_id ORDER BY ctid) before FROM ledger_entries"
        moved = session.execute(text(f"SELECT count(*) FROM ({numbers}) numbers WHERE number < before")).scalar_one()
        count = rows.dump(session, "catalog", tmp_path / "dump")
    database.engine.dispose()
    assert moved, "nothing filled a gap: this shows nothing"
    new = Database(f"sqlite:///{tmp_path / 'new.sqlite'}")
    upgrade(new, scripts_of("catalog"))
    with new.write() as session:
        assert rows.load(session, tmp_path / "dump") == count


def test_numbers_go_on_behind_the_rows_of_a_table_whose_last_number_sqlite_does_not_keep(
    own_postgresql: PostgreSQL, tmp_path: Path
) -> None:
    old = Database(f"sqlite:///{tmp_path / 'old.sqlite'}")
    new = Database(own_postgresql.url.replace("{service}", "trainer"))
    for database in (old, new):
        upgrade(database, scripts_of("trainer"))
    with old.write() as session:
        for digest in ("a" * 64, "b" * 64):
            cluster_store.keep_object(session, new_id(), digest, cluster_store.Kind.VOICE)
    with old.read() as session:
        rows.dump(session, "trainer", tmp_path / "dump")
    with new.write() as session:
        rows.load(session, tmp_path / "dump")
    with new.write() as session:
        cluster_store.keep_object(session, new_id(), "c" * 64, cluster_store.Kind.VOICE)
        assert [one.sequence for one in cluster_store.objects(session)] == [1, 2, 3]
    new.engine.dispose()


def _work(database: Database, jobs: Iterable[int]) -> None:
    for job in jobs:
        with database.write() as session:
            reserving.reserve(session, Prices(), f"user{job % 17}", f"{job:032x}", "training", 1)
        with database.write() as session:
            reserving.close(session, Prices(), f"{job:032x}", 1)
