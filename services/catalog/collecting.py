"""Garbage collection: versions that no repository holds let go of their objects, and objects that no version has go.

Two steps, so that neither races a push. First a version is let go of: its rows of objects become rows of
`freed_objects`, in one transaction. Then each freed object is removed inside of a transaction that holds the queue of
writers: a push looks for its uploads in such a transaction, too, so it either comes first, and the object is had again,
or later, and is told to upload it again. Objects that another service has put and whose event is still on its way are
young: nothing is removed that was put within the grace. Samples of a version that was let go of are removed by
inference, which hears of it as of an erasure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session

from services.catalog import events
from services.catalog.domain.road import State
from services.catalog.store import versions
from services.catalog.store.tables import FileRow, FreedRow, HistoryRow, SampleRow, TensorRow, UploadRow, VersionRow
from services.catalog.transfer.tables import DeltaRow
from services.common.clock import now
from services.common.database import Database
from services.common.objects import Area, ObjectStore

GRACE_SECONDS = 86_400.0
ROAD = timedelta(days=7)
"""A version that is still on its road after so long has lost it."""
BATCH = 50
SERVED = (TensorRow, FileRow, DeltaRow)
"""What lists objects of the served area that the catalog has for itself."""


@dataclass(frozen=True)
class Collected:
    """What a collection did: versions let go of, objects removed, objects that wait for their grace to end."""

    versions: int
    objects: int
    waiting: int


class Collector:
    """Collects garbage. Thread-safe, and safe beside other processes of the same hub."""

    def __init__(self, database: Database, objects: ObjectStore, grace_seconds: float = GRACE_SECONDS) -> None:
        self._database, self._objects, self._grace = database, objects, grace_seconds

    def collect(self) -> Collected:
        """One round over everything."""
        count = 0
        while freed := self._let_go():
            count += freed
        while self._let_go_of_samples():
            pass
        return self._remove(count)

    def _let_go(self) -> int:
        with self._database.read() as session:
            if not _held_by_nobody(session):
                return 0
        with self._database.write() as session:
            rows = _held_by_nobody(session)
            for row in rows:
                free(session, row)
        return len(rows)

    def _let_go_of_samples(self) -> bool:
        with self._database.read() as session:
            if not _with_samples_for_nobody(session):
                return False
        with self._database.write() as session:
            for row in _with_samples_for_nobody(session):
                free_samples(session, row)
        return True

    def _remove(self, count: int) -> Collected:
        due, waiting = self._due()
        removed = 0
        for area, digest in due:
            with self._database.write() as session:
                needed = _is_needed(session, Area(area), digest)
                gone = not needed and self._objects.delete_older(Area(area), digest, self._grace)
                if needed or gone:
                    session.execute(delete(FreedRow).where(FreedRow.area == area, FreedRow.digest == digest))
            removed, waiting = removed + gone, waiting + (not needed and not gone)
        return Collected(count, removed, waiting)

    def _due(self) -> tuple[Sequence[tuple[str, str]], int]:
        """The freed objects of which something is to be written, and how many wait: read without holding anybody up.

        What is true here may have changed when it is written; that transaction looks again.
        """
        with self._database.read() as session:
            freed = [(row.area, row.digest) for row in session.execute(select(FreedRow.area, FreedRow.digest))]
            due = [one for one in freed if _is_needed(session, Area(one[0]), one[1]) or self._is_old(*one)]
        return due, len(freed) - len(due)

    def _is_old(self, area: str, digest: str) -> bool:
        try:
            return self._objects.age(Area(area), digest) >= self._grace
        except KeyError:
            return True


def _held_by_nobody(session: Session) -> Sequence[VersionRow]:
    """Versions that have come to the end of their road and that no repository holds, a batch of them."""
    ended = or_(
        VersionRow.state.in_([State.PUBLISHED.value, State.QUARANTINED.value]), VersionRow.create_time < now() - ROAD
    )
    held = select(HistoryRow.sequence).where(HistoryRow.sequence == VersionRow.sequence).exists()
    query = select(VersionRow).where(VersionRow.free_time.is_(None), ended, ~held)
    return session.scalars(query.limit(BATCH)).all()


def _with_samples_for_nobody(session: Session) -> Sequence[VersionRow]:
    """Versions that were let go of and still list samples, a batch of them."""
    listed = select(SampleRow.digest).where(SampleRow.version_id == VersionRow.id).exists()
    return session.scalars(select(VersionRow).where(VersionRow.free_time.is_not(None), listed).limit(BATCH)).all()


def free(session: Session, row: VersionRow) -> None:
    """The version keeps its place in the graph, as a tombstone, and has no object any more.

    Deltas that begin at it are of no use either: nobody can have what they apply to from here.
    """
    objects = {(Area.QUARANTINE, digest) for digest in _of(session, UploadRow, row.id)}
    objects |= {(Area.SERVED, digest) for table in SERVED for digest in _of(session, table, row.id)}
    begun = DeltaRow.parent_id == row.id
    objects |= {(Area.SERVED, digest) for digest in session.scalars(select(DeltaRow.digest).where(begun))}
    session.execute(delete(DeltaRow).where(begun))
    for table in (UploadRow, *SERVED):
        session.execute(delete(table).where(table.version_id == row.id))
    for area, digest in sorted(objects):
        release(session, area, digest)
    row.free_time, row.uploads = now(), []
    session.flush()


def free_samples(session: Session, row: VersionRow) -> None:
    """Of a version that was let go of: who keeps something of it is told, with the samples that nothing else needs.

    Inference removes them, for what was spoken may be, byte for byte, a take of somebody's batch. No push brings the
    same bytes meanwhile: each sample says which version spoke it, and prompts are written anew.
    """
    spoken = versions.samples_alone(session, row.id, [one.digest for one in versions.samples_of(session, row.id)])
    session.execute(delete(SampleRow).where(SampleRow.version_id == row.id))
    say_erased(session, row, spoken)


def say_erased(session: Session, row: VersionRow, spoken: Iterable[str]) -> None:
    """Nothing is left of a version; of what it has `spoken`, that goes which no other version is made of."""
    events.erased(session, row, [digest for digest in spoken if not _is_needed(session, Area.SERVED, digest)])


def release(session: Session, area: Area, digest: str) -> None:
    """Lets an object be removed once nothing needs it; let go of already, it stays so."""
    if session.get(FreedRow, (area.value, digest)) is None:
        session.add(FreedRow(area=area.value, digest=digest, create_time=now()))


def _of(session: Session, table: type[UploadRow | TensorRow | FileRow | DeltaRow], version_id: str) -> list[str]:
    return list(session.scalars(select(table.digest).where(table.version_id == version_id)))


def _is_needed(session: Session, area: Area, digest: str) -> bool:
    tables: Sequence[type[UploadRow | TensorRow | FileRow | DeltaRow]] = (
        (UploadRow,) if area is Area.QUARANTINE else SERVED
    )
    return any(session.scalar(select(table.digest).where(table.digest == digest).limit(1)) for table in tables)
