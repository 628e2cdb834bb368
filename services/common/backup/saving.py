"""Makes a backup of a hub that goes on working.

The tables of all services are of one moment: for that moment nobody writes (writers wait, they do not fail), and each
service's snapshot is opened in it. Events that were on the bus then and not handled by everybody are kept beside them.
Objects are copied afterwards: they never change, and whoever refers to one has put it before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from services.common.backup import events, files, rows
from services.common.backup.errors import BackupError
from services.common.backup.shelf import COMPLETE, FORMAT, BackupFolder, Cut, digest_of
from services.common.database import Database
from services.common.events import EventBus, Marks, open_bus
from services.common.objects import Area, ObjectStore, open_store
from services.common.objects.port import chunks_of
from services.common.settings import SERVICES, Settings

Say = Callable[[str], None]


def back_up(settings: Mapping[str, Settings], folder: BackupFolder, say: Say, fresh: bool = False) -> Cut:
    """A complete backup. One that was interrupted is finished, unless a `fresh` one is wanted."""
    folder.prepare()
    unfinished = [cut for cut in folder.cuts() if not cut.complete]
    if unfinished and not fresh:
        cut = unfinished[-1]
        say(f"going on with the backup of {cut.id}")
    else:
        cut = folder.new_cut(lambda place: _take(settings, place, say))
    cut.check()
    one = settings[SERVICES[0]]
    saved = files.save(files.trees(one), folder.files())
    cut.write("files.json", saved)
    say(f"{len(saved)} files")
    listed = _copy_objects(open_store(one.objects_url), folder, say)
    cut.write("objects.json", listed)
    cut.write(COMPLETE, {"format": FORMAT, "files": len(saved), "objects": sum(map(len, listed.values()))})
    return cut


def _take(settings: Mapping[str, Settings], place: Path, say: Say) -> None:
    """Writes the tables of all services and the events under way."""
    bus = open_bus(settings[SERVICES[0]].events_url)
    try:
        with _snapshots(settings, bus) as (sessions, handled, ends):
            counts = {name: rows.dump(session, name, place / f"{name}.jsonl.gz") for name, session in sessions.items()}
            counts["events"] = events.write(place / "events.jsonl.gz", bus.between(handled, ends))
    except SQLAlchemyError as error:
        raise BackupError(f"A database cannot be read: {error}", "voicehub-admin preflight says more.") from error
    finally:
        bus.close()
    names = [f"{name}.jsonl.gz" for name in counts]
    described = {"format": FORMAT, "rows": counts, "digests": {name: digest_of(place / name) for name in names}}
    Cut(place).write("cut.json", described)
    say(", ".join(f"{name} {count}" for name, count in counts.items()) + " rows")


@contextmanager
def _snapshots(
    settings: Mapping[str, Settings], bus: EventBus
) -> Iterator[tuple[dict[str, Session], Mapping[str, int], Mapping[str, int]]]:
    """A session for each service, all of one moment; and from where to where events were under way in it."""
    with ExitStack() as reading:
        databases = {name: Database(one.database_url) for name, one in settings.items()}
        for database in databases.values():
            reading.callback(database.engine.dispose)
        handled: Marks = bus.marks()  # before the moment: what is handled until then comes twice, and has effect once
        with ExitStack() as writing:
            for database in databases.values():
                writing.enter_context(database.write())
            sessions = {name: reading.enter_context(database.read()) for name, database in databases.items()}
            for session in sessions.values():
                session.execute(text("SELECT count(*) FROM alembic_version"))  # its snapshot begins here
            ends = bus.marks().ends
        yield sessions, handled.handled, ends


def _copy_objects(source: ObjectStore, folder: BackupFolder, say: Say) -> dict[str, list[str]]:
    """Copies what is not there yet; answers the digests by area. One that goes meanwhile was no longer needed."""
    target = folder.objects()
    listed: dict[str, list[str]] = {}
    copied = size = 0
    for area in Area:
        there, kept = set(target.digests(area)), list[str]()
        for digest in sorted(source.digests(area)):
            if digest not in there:
                try:
                    size += copy_object(source, target, area, digest)
                except KeyError:
                    continue
                copied += 1
            kept.append(digest)
        listed[area.value] = kept
    say(f"{sum(map(len, listed.values()))} objects, {copied} of them new ({size / 1e6:.1f} MB)")
    return listed


def copy_object(source: ObjectStore, target: ObjectStore, area: Area, digest: str) -> int:
    """Copies one object and answers its size; KeyError if it is not there, BackupError if it is damaged."""
    with source.open(area, digest) as stream:
        info = target.put(area, chunks_of(stream))
    if info.digest != digest:
        target.delete(area, info.digest)
        raise BackupError(f"The object {area}/{digest} is damaged where it was read.", "Take it from another backup.")
    return info.size
