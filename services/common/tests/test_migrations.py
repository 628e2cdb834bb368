"""What upgrading and rolling back rely on: revisions only add, and an older program goes on working."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from click.testing import CliRunner
from sqlalchemy import Engine, inspect

from services.common.admin.main import main
from services.common.admin.place import settings_at
from services.common.database import Database
from services.common.migrations import revision, scripts_of, upgrade
from services.common.settings import SERVICES

BEFORE_THE_FIRST_RELEASE = {("catalog", "0002")}
Schema = dict[str, dict[str, tuple[str, bool]]]
"""By table and column: its type, and whether a row may leave it out."""


def revisions(service: str) -> list[str]:
    config = Config()
    config.set_main_option("script_location", str(scripts_of(service)))
    return [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()][::-1]


def schema(engine: Engine) -> Schema:
    looked = inspect(engine)
    return {
        table: {
            column["name"]: (str(column["type"]), bool(column["nullable"] or column["default"] is not None))
            for column in looked.get_columns(table)
        }
        for table in looked.get_table_names()
    }


def broken(before: Schema, after: Schema) -> list[str]:
    """What a program that knows `before` can no longer do with `after`."""
    wrong = [f"{table} is gone" for table in before if table not in after]
    for table in before.keys() & after.keys():
        old, new = before[table], after[table]
        kept = old.keys() & new.keys()
        wrong += [f"{table}.{name} is gone" for name in old if name not in new]
        wrong += [f"{table}.{name} has another type" for name in kept if old[name][0] != new[name][0]]
        wrong += [f"{table}.{name} must be given" for name in new.keys() - kept if not new[name][1]]
        wrong += [f"{table}.{name} must be given now" for name in kept if old[name][1] > new[name][1]]
    return wrong


@pytest.mark.parametrize("service", SERVICES)
def test_the_program_before_a_revision_works_after_it(service: str, tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'one.sqlite'}")
    before: Schema = {}
    for number in revisions(service):
        assert upgrade(database, scripts_of(service), number) == number
        after = schema(database.engine)
        if (service, number) not in BEFORE_THE_FIRST_RELEASE:
            assert broken(before, after) == [], number
        before = after


def test_what_would_break_an_older_program_is_noticed() -> None:
    before: Schema = {"a": {"x": ("TEXT", True), "y": ("TEXT", True)}, "b": {}}
    after: Schema = {"a": {"x": ("INTEGER", True), "z": ("TEXT", False)}}
    assert broken(before, after) == ["b is gone", "a.y is gone", "a.x has another type", "a.z must be given"]
    assert broken(before, before) == []


@pytest.mark.parametrize("service", ["catalog", "inference"])
def test_an_older_program_starts_on_the_database_of_a_newer_one(service: str, tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'one.sqlite'}")
    newest = upgrade(database, scripts_of(service))
    older = tmp_path / "older"
    shutil.copytree(scripts_of(service), older)
    for script in (older / "versions").glob(f"{newest}_*.py"):
        script.unlink()
    before = schema(database.engine)
    assert upgrade(database, older) == newest
    assert schema(database.engine) == before


def test_migrate_brings_every_service_forward_and_again_changes_nothing(tmp_path: Path) -> None:
    for _ in range(2):
        result = CliRunner().invoke(main, ["migrate", "--data", str(tmp_path)])
        assert result.exit_code == 0, result.output
        assert result.output.count("✓") == len(SERVICES)
    for service in SERVICES:
        with Database(settings_at(service, tmp_path).database_url).engine.connect() as connection:
            assert revision(connection) == revisions(service)[-1]


def test_a_database_that_is_away_is_one_clear_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VOICEHUB_DATABASE_URL", "postgresql+psycopg://{service}:x@127.0.0.1:1/voicehub")
    result = CliRunner().invoke(main, ["migrate", "--data", str(tmp_path), "--service", "catalog"])
    assert result.exit_code == 1
    assert "Check VOICEHUB_DATABASE_URL" in result.output
