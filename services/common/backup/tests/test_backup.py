"""A backup holds everything, of one moment; a restore gives it back bit for bit, or says what is damaged."""

from __future__ import annotations

import gzip
import json
import shutil
import stat
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from google.protobuf.wrappers_pb2 import StringValue
from sqlalchemy import text

from services.common.admin.main import main
from services.common.backup import files, rows
from services.common.backup.shelf import BackupFolder
from services.common.backup.tests.filling import ROWS, fill, settings_of
from services.common.database import Database
from services.common.events import make_event, open_bus
from services.common.identity import ensure_keys
from services.common.objects import Area, open_store
from services.common.objects.folder import FolderStore
from services.common.settings import SERVICES


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "OBJECTS_URL", "EVENTS_URL", "DATA", "KEYS", "BASES"):
        monkeypatch.delenv(f"VOICEHUB_{name}", raising=False)


@pytest.fixture
def hub(tmp_path: Path) -> Path:
    """A hub with rows in every table, objects, keys and a base; two events wait for somebody."""
    data = tmp_path / "hub"
    settings = settings_of(data=data)
    fill(settings)
    for service in SERVICES:
        ensure_keys(data / "keys", service)
    for place in ("bases/abc/base.json", "uploads/u1", "inference/provenance/root.pem"):
        (data / place).parent.mkdir(parents=True, exist_ok=True)
        (data / place).write_text(place)
    bus = open_bus(settings["catalog"].events_url)
    consumer = bus.consumer("scanner", ["scans"])
    bus.publish([make_event("scans", f"k{n}", StringValue(value=str(n)), "test") for n in range(3)])
    consumer.commit(consumer.poll(limit=1, timeout=1)[0])
    bus.close()
    return data


def admin(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def lines_of(path: Path) -> list[str]:
    return gzip.decompress(path.read_bytes()).decode().splitlines()


def tables(data: Path, scratch: Path) -> dict[str, list[str]]:
    """All rows of all services, as lines."""
    found = {}
    for service, one in settings_of(data=data).items():
        database = Database(one.database_url)
        with database.read() as session:
            rows.dump(session, service, scratch)
        database.engine.dispose()
        found[service] = lines_of(scratch)
    return found


def without_rebuilds(found: dict[str, list[str]]) -> dict[str, list[str]]:
    """Leaves out that a restore asks for a new search index."""
    names = [one["name"] for one in json.loads(found["catalog"][0])["tables"]]
    number = names.index("search_rebuilds")
    return {**found, "catalog": [line for line in found["catalog"] if not line.startswith(f"[{number},")]}


def contents(store: FolderStore) -> dict[str, bytes]:
    return {f"{area}/{d}": store.open(area, d).read() for area in Area for d in store.digests(area)}


def trees(data: Path) -> dict[str, tuple[bytes, int]]:
    found = {}
    for name, folder in files.trees(settings_of(data=data)["catalog"]).items():
        for path in folder.rglob("*"):
            if path.is_file():
                found[f"{name}/{path.relative_to(folder)}"] = path.read_bytes(), stat.S_IMODE(path.stat().st_mode)
    return found


def test_an_empty_hub_becomes_the_one_that_was_saved(hub: Path, tmp_path: Path) -> None:
    saved = admin("backup", tmp_path / "backup", "--data", hub)
    assert saved.exit_code == 0, saved.output
    assert stat.S_IMODE((tmp_path / "backup").stat().st_mode) == 0o700
    back = admin("restore", tmp_path / "backup", "--data", tmp_path / "new")
    assert back.exit_code == 0, back.output
    scratch = tmp_path / "scratch"
    old, new = tables(hub, scratch), tables(tmp_path / "new", scratch)
    assert without_rebuilds(old) == without_rebuilds(new)
    assert sum(map(len, old.values())) > 150
    objects = [FolderStore(data / "objects") for data in (hub, tmp_path / "new")]
    assert contents(objects[0]) == contents(objects[1])
    assert trees(hub) == trees(tmp_path / "new")
    assert "keys/gateway.pem" in trees(hub)
    bus = open_bus(settings_of(data=tmp_path / "new")["catalog"].events_url)
    waiting = bus.consumer("scanner", ["scans"])
    assert [d.event.key for d in waiting.poll(limit=9, timeout=1)] == ["k1", "k2"]
    bus.close()


def test_numbers_that_were_given_are_not_given_again(hub: Path, tmp_path: Path) -> None:
    admin("backup", tmp_path / "backup", "--data", hub)
    admin("restore", tmp_path / "backup", "--data", tmp_path / "new")
    database = Database(settings_of(data=tmp_path / "new")["scanner"].database_url)
    with database.write() as session:
        others = "topic, key, type, source, time, trace, data"
        session.execute(text(f"INSERT INTO outbox(id, {others}) SELECT 'new', {others} FROM outbox LIMIT 1"))
        assert session.execute(text("SELECT sequence FROM outbox WHERE id = 'new'")).scalar() == ROWS + 1


def test_a_second_backup_copies_only_what_is_new_and_both_moments_can_be_had(hub: Path, tmp_path: Path) -> None:
    admin("backup", tmp_path / "backup", "--data", hub)
    settings = settings_of(data=hub)
    open_store(settings["catalog"].objects_url).put(Area.SERVED, [b"one more"])
    database = Database(settings["gateway"].database_url)
    with database.write() as session:
        session.execute(text("DELETE FROM uploads"))
    second = admin("backup", tmp_path / "backup", "--data", hub)
    assert "7 objects, 1 of them new" in second.output
    first, last = BackupFolder(tmp_path / "backup").cuts()
    for cut, uploads, objects in ((first, ROWS, 6), (last, 0, 7)):
        back = admin("restore", tmp_path / "backup", "--data", tmp_path / cut.id, "--cut", cut.id)
        assert back.exit_code == 0, back.output
        restored = settings_of(data=tmp_path / cut.id)
        with Database(restored["gateway"].database_url).read() as session:
            assert session.execute(text("SELECT count(*) FROM uploads")).scalar() == uploads
        assert len(contents(FolderStore(tmp_path / cut.id / "objects"))) == objects


class Interrupted(Exception):
    """Somebody pulled the plug."""


@pytest.fixture
def unplugged(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """After so many objects (the list's one number) nothing is put any more."""
    left, put = [10**6], FolderStore.put

    def dying(self: FolderStore, area: Area, chunks: object) -> object:
        left[0] -= 1
        if left[0] < 0:
            raise Interrupted
        return put(self, area, chunks)  # type: ignore[arg-type]

    monkeypatch.setattr(FolderStore, "put", dying)
    return left


def test_what_was_interrupted_goes_on(hub: Path, tmp_path: Path, unplugged: list[int]) -> None:
    folder, new = tmp_path / "backup", tmp_path / "new"
    unplugged[0] = 15  # the files are there, and some of the objects
    assert isinstance(admin("backup", folder, "--data", hub).exception, Interrupted)
    unplugged[0] = 10**6
    refused = admin("restore", folder, "--data", new)
    assert (refused.exit_code, "no complete backup" in refused.output) == (1, True)
    again = admin("backup", folder, "--data", hub)
    assert "going on with the backup of" in again.output
    assert len(BackupFolder(folder).cuts()) == 1
    unplugged[0] = 4
    assert isinstance(admin("restore", folder, "--data", new).exception, Interrupted)
    unplugged[0] = 10**6
    back = admin("restore", folder, "--data", new)
    assert back.exit_code == 0, back.output
    assert "2 objects" in back.output
    assert "gateway is there already" in admin("restore", folder, "--data", new).output
    scratch = tmp_path / "scratch"
    assert without_rebuilds(tables(hub, scratch)) == without_rebuilds(tables(new, scratch))


def test_damage_is_found_and_named(hub: Path, tmp_path: Path) -> None:
    folder = tmp_path / "backup"
    admin("backup", folder, "--data", hub)
    victim = next((folder / "objects" / "served").glob("??/*"))
    whole = victim.read_bytes()
    victim.write_bytes(whole[:-1] + b"x")
    said = admin("restore", folder, "--data", tmp_path / "a")
    assert (said.exit_code, victim.name in said.output) == (1, True)
    victim.unlink()
    assert f"{victim.name} is not in the backup" in admin("restore", folder, "--data", tmp_path / "b").output
    victim.write_bytes(whole)
    key = next(path for path in (folder / "files" / "served").glob("??/*") if b"PRIVATE" in path.read_bytes())
    secret = key.read_bytes()
    key.write_bytes(secret[:-2])
    assert "damaged" in admin("restore", folder, "--data", tmp_path / "c").output
    key.write_bytes(secret)
    dump = folder / "cuts" / BackupFolder(folder).newest().id / "catalog.jsonl.gz"
    dump.write_bytes(dump.read_bytes()[:-20])
    assert "catalog.jsonl.gz is not what was written" in admin("restore", folder, "--data", tmp_path / "d").output


def test_a_hub_that_has_something_is_not_written_over(hub: Path, tmp_path: Path) -> None:
    admin("backup", tmp_path / "backup", "--data", hub)
    other = tmp_path / "other"
    fill(settings_of(data=other))
    before = tables(other, tmp_path / "scratch")
    said = admin("restore", tmp_path / "backup", "--data", other)
    assert (said.exit_code, "is not empty" in said.output) == (1, True)
    assert tables(other, tmp_path / "scratch") == before
    migrated = tmp_path / "migrated"
    admin("migrate", "--data", migrated)
    assert admin("restore", tmp_path / "backup", "--data", migrated).exit_code == 0


def test_keys_can_come_from_elsewhere(hub: Path, tmp_path: Path) -> None:
    admin("backup", tmp_path / "backup", "--data", hub)
    new = tmp_path / "new"
    ensure_keys(new / "keys", "gateway")
    said = admin("restore", tmp_path / "backup", "--data", new)
    assert (said.exit_code, "is there with other contents" in said.output) == (1, True)
    assert admin("restore", tmp_path / "backup", "--data", new, "--without", "keys").exit_code == 0


def test_all_tables_are_of_one_moment(hub: Path, tmp_path: Path) -> None:
    """Two services are written to one after the other: in no backup is the second ahead of the first."""
    settings = settings_of(data=hub)
    databases = [Database(settings[name].database_url) for name in ("catalog", "trainer")]
    for database in databases:
        with database.write() as session:
            session.execute(text("CREATE TABLE steps (number INTEGER PRIMARY KEY)"))
    stop, done = threading.Event(), [0]

    def work() -> None:
        while not stop.is_set():
            done[0] += 1
            for database in databases:
                with database.write() as session:
                    session.execute(text("INSERT INTO steps VALUES (:n)"), {"n": done[0]})

    worker = threading.Thread(target=work)
    worker.start()
    try:
        for number in range(5):
            assert admin("backup", tmp_path / str(number), "--data", hub).exit_code == 0
    finally:
        stop.set()
        worker.join()
    seen = []
    for number in range(5):
        cut = BackupFolder(tmp_path / str(number)).newest()
        counts = []
        for name in ("catalog", "trainer"):
            lines = lines_of(cut.folder / f"{name}.jsonl.gz")
            steps = [one["name"] for one in json.loads(lines[0])["tables"]].index("steps")
            counts.append(sum(line.startswith(f"[{steps},") for line in lines[1:]))
        assert 0 <= counts[0] - counts[1] <= 1, counts
        seen.append(counts[0])
    assert seen == sorted(seen)
    assert seen[0] < seen[-1], "it was written to all the time"


def test_a_backup_of_a_newer_program_is_refused(hub: Path, tmp_path: Path) -> None:
    database = Database(settings_of(data=hub)["trainer"].database_url)
    with database.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    admin("backup", tmp_path / "backup", "--data", hub)
    said = admin("restore", tmp_path / "backup", "--data", tmp_path / "new")
    assert (said.exit_code, "are of a newer program: 9999" in said.output) == (1, True)
    shutil.rmtree(tmp_path / "backup" / "cuts")
    assert "There is no complete backup at all" in admin("restore", tmp_path / "backup", "--data", tmp_path).output
