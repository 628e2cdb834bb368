"""The ledger goes into a backup and out of it: its triggers take entries only in the order of their account."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from sqlalchemy import text

from services.catalog.credits import reserving
from services.catalog.credits.domain import Prices
from services.common.backup import rows
from services.common.database import Database
from services.common.migrations import scripts_of, upgrade


def _move(database: Database, job: str) -> None:
    with database.write() as session:
        reserving.reserve(session, Prices(), f"user{int(job) % 3}", job, "training", 1)
    with database.write() as session:
        reserving.close(session, Prices(), job, 1)


def _entries(database: Database) -> list[object]:
    with database.read() as session:
        return [tuple(row) for row in session.execute(text("SELECT * FROM ledger_entries ORDER BY account_id, number"))]


def _as_older_programs_wrote_it(path: Path) -> None:
    """As the rows lay on PostgreSQL's disk, which fills its gaps."""
    head, *lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    told = json.loads(head)
    del told["ordered"]
    lines.reverse()
    lines.sort(key=lambda line: int(json.loads(line)[0]))
    path.write_bytes(gzip.compress("\n".join([json.dumps(told), *lines]).encode()))


@pytest.mark.parametrize("older", [False, True])
def test_a_ledger_is_restored_whatever_the_order_of_its_backup_was(
    database: Database, tmp_path: Path, older: bool
) -> None:
    dump = tmp_path / "catalog.jsonl.gz"
    for number in range(12):
        _move(database, str(number))
    with database.read() as session:
        count = rows.dump(session, "catalog", dump)
    if older:
        _as_older_programs_wrote_it(dump)
    restored = Database(f"sqlite:///{tmp_path / 'restored.sqlite'}")
    upgrade(restored, scripts_of("catalog"))
    with restored.write() as session:
        assert rows.load(session, dump) == count
    assert _entries(restored) == _entries(database)


def test_rows_are_told_by_their_key(database: Database, tmp_path: Path) -> None:
    dump = tmp_path / "catalog.jsonl.gz"
    for number in range(12):
        _move(database, str(number))
    with database.read() as session:
        rows.dump(session, "catalog", dump)
    tables = [one["name"] for one in rows.read_head(dump)["tables"]]
    lines = [json.loads(line) for line in gzip.decompress(dump.read_bytes()).decode().splitlines()[1:]]
    keys = [(line[1], line[2]) for line in lines if tables[line[0]] == "ledger_entries"]
    assert keys == sorted(keys)
