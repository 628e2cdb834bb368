"""Brings a backup into an empty hub: objects, files, tables, events, in this order, so that nothing refers to nothing.

Each service's tables come in one transaction together with a mark of which cut they are of. Called again after an
interruption it goes on with what is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from itertools import islice

from sqlalchemy import Column, Connection, MetaData, String, Table, inspect, select
from sqlalchemy.exc import SQLAlchemyError

from services.common.backup import events, files, rows
from services.common.backup.errors import BackupError
from services.common.backup.saving import copy_object
from services.common.backup.shelf import BackupFolder, Cut
from services.common.database import Database
from services.common.events import open_bus
from services.common.migrations import UnknownRevision, scripts_of, upgrade
from services.common.objects import Area, open_store
from services.common.settings import SERVICES, Settings

Say = Callable[[str], None]
EVENTS, BATCH = "events", 500
_marks = Table(
    rows.MARKER, MetaData(), Column("part", String(32), primary_key=True), Column("cut", String(64), nullable=False)
)


def restore(
    settings: Mapping[str, Settings], folder: BackupFolder, cut: Cut, say: Say, without: Collection[str] = ()
) -> None:
    """Does it; BackupError if the hub is not empty, or something in the backup is damaged.

    Args:
        without: trees of files that come from elsewhere, as keys do from a Secret.
    """
    cut.check()
    databases = {name: Database(one.database_url) for name, one in settings.items()}
    try:
        for name, database in databases.items():
            _refuse_full(name, database, cut)
        one = settings[SERVICES[0]]
        _objects(one, folder, cut, say)
        saved = [line for line in cut.read("files.json") if line["tree"] not in without]
        say(f"{files.put_back(saved, files.trees(one), folder.files())} files")
        for name, database in databases.items():
            _tables(name, database, cut, say)
        _events(one, databases[SERVICES[0]], cut, say)
    except SQLAlchemyError as error:
        raise BackupError(f"A database cannot be filled: {error}", "Mend that, then call this again.") from error
    finally:
        for database in databases.values():
            database.engine.dispose()


def _refuse_full(service: str, database: Database, cut: Cut) -> None:
    with database.read() as session:
        connection = session.connection()
        if _mark(connection, service) != cut.id and not rows.is_empty(connection):
            raise BackupError(
                f"The database of {service} is not empty.",
                "Restore into an empty hub: stop this one, and give the new one databases and a bucket of its own.",
            )


def _objects(settings: Settings, folder: BackupFolder, cut: Cut, say: Say) -> None:
    source, target = folder.objects(), open_store(settings.objects_url)
    copied = size = 0
    for area in Area:
        there = set(target.digests(area))
        for digest in cut.read("objects.json")[area.value]:
            if digest in there:
                continue
            try:
                size += copy_object(source, target, area, digest)
            except KeyError as error:
                raise BackupError(
                    f"The object {area}/{digest} is not in the backup.", "Use another copy of it."
                ) from error
            copied += 1
    say(f"{copied} objects ({size / 1e6:.1f} MB)")


def _tables(service: str, database: Database, cut: Cut, say: Say) -> None:
    path = cut.folder / f"{service}.jsonl.gz"
    with database.read() as session:
        if _mark(session.connection(), service) == cut.id:
            say(f"{service} is there already")
            return
    try:
        upgrade(database, scripts_of(service), rows.read_head(path)["revision"])
    except UnknownRevision as error:
        raise BackupError(
            f"The tables of {service} are of a newer program: {error}.",
            "Restore with the version that made the backup.",
        ) from error
    with database.write() as session:
        count = rows.load(session, path)
        _set_mark(session.connection(), service, cut)
    say(f"{service} {count} rows")


def _events(settings: Settings, database: Database, cut: Cut, say: Say) -> None:
    """Publishes what was under way; those that are interrupted here come twice, and have effect once."""
    with database.read() as session:
        if _mark(session.connection(), EVENTS) == cut.id:
            return
    bus, waiting, count = open_bus(settings.events_url), events.read(cut.folder / "events.jsonl.gz"), 0
    while batch := list(islice(waiting, BATCH)):
        bus.publish(batch)
        count += len(batch)
    bus.close()
    with database.write() as session:
        _set_mark(session.connection(), EVENTS, cut)
    say(f"{count} events")


def _mark(connection: Connection, part: str) -> str:
    """Of which cut that part of the database is; '' if of none."""
    if not inspect(connection).has_table(_marks.name):
        return ""
    return connection.execute(select(_marks.c.cut).where(_marks.c.part == part)).scalar_one_or_none() or ""


def _set_mark(connection: Connection, part: str, cut: Cut) -> None:
    _marks.create(connection, checkfirst=True)
    connection.execute(_marks.insert().values(part=part, cut=cut.id))
