"""Pinning a query, and reading what was pinned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from blake3 import blake3
from sqlalchemy import select
from sqlalchemy.orm import Session

from services.catalog.datasets.matching import matches
from services.catalog.datasets.tables import DatasetRecordRow, DatasetRow
from services.catalog.domain.road import State
from services.catalog.search.lexicon import Lexicon
from services.catalog.search.query import Query
from services.catalog.search.record import SearchRecord
from services.catalog.search.snapshot import end_of_log, records_of
from services.catalog.store import repositories
from services.catalog.store.tables import RepositoryRow, VersionRow
from services.common.clock import now
from services.common.errors import NotFound, Unprocessable
from services.common.identity import Identity
from services.common.ids import new_id

MOST = 100_000
BATCH = 500


@dataclass(frozen=True)
class Found:
    """Voices in the order in which their repositories were made, and the end of the log of changes at that moment."""

    voices: Sequence[SearchRecord]
    position: int


def find(session: Session, account: str, query: Query, lexicon: Lexicon, *, private: bool) -> Found:
    """What the query means in this snapshot of the tables; some seconds for 10,000 voices.

    Raises:
        Unprocessable: it means more than `MOST`.
    """
    found = [one for one in _visible(session, account, private) if matches(one, query, lexicon)]
    if len(found) > MOST:
        raise Unprocessable(
            f"The query means {len(found)} voices; a dataset has at most {MOST}.", hint="Ask for less at a time."
        )
    return Found(found, end_of_log(session))


def pin(session: Session, account: str, text: str, found: Found, *, private: bool) -> DatasetRow:
    """Writes down what was found."""
    digest = blake3("".join(f"{one.version}\n" for one in found.voices).encode()).hexdigest()
    row = DatasetRow(
        id=new_id(), account=account, query=text, private=private, records=len(found.voices),
        position=found.position, digest=digest, create_time=now(),
    )  # fmt: skip
    session.add(row)
    session.flush()
    session.add_all(_record(row.id, number, one) for number, one in enumerate(found.voices, start=1))
    return row


def get(session: Session, account: str, dataset_id: str) -> DatasetRow:
    """A dataset of the account; NotFound for any other."""
    row = session.get(DatasetRow, dataset_id)
    if row is None or row.account != account:
        raise NotFound("There is no such dataset.", hint="Pin a query: POST /v1/datasets.")
    return row


def records(session: Session, dataset_id: str, after: int, size: int) -> Sequence[DatasetRecordRow]:
    """Up to `size + 1` pinned records after a number."""
    query = select(DatasetRecordRow).where(DatasetRecordRow.dataset_id == dataset_id, DatasetRecordRow.number > after)
    return session.scalars(query.order_by(DatasetRecordRow.number).limit(size + 1)).all()


def still_readable(session: Session, identity: Identity, rows: Sequence[DatasetRecordRow]) -> dict[str, VersionRow]:
    """The versions of those records that the caller may read and that are published, by their ids."""
    readable = repositories.readable_ids(session, identity, [row.repository_id for row in rows])
    wanted = [row.version_id for row in rows if row.repository_id in readable]
    query = select(VersionRow).where(VersionRow.id.in_(wanted), VersionRow.state == State.PUBLISHED.value)
    return {row.id: row for row in session.scalars(query)}


def _visible(session: Session, account: str, private: bool) -> Iterator[SearchRecord]:
    """Published voices: public ones and, if asked for, the account's private ones."""
    last = 0
    while True:
        query = select(RepositoryRow.sequence, RepositoryRow.id).where(RepositoryRow.sequence > last)
        batch = session.execute(query.order_by(RepositoryRow.sequence).limit(BATCH)).all()
        if not batch:
            return
        found = {one.id: one for one in records_of(session, [row.id for row in batch])}
        for row in batch:
            one = found.get(row.id)
            if one is not None and (not one.private or (private and one.owner == account)):
                yield one
        last = batch[-1].sequence


def _record(dataset_id: str, number: int, one: SearchRecord) -> DatasetRecordRow:
    return DatasetRecordRow(
        dataset_id=dataset_id,
        number=number,
        repository_id=one.id,
        version_id=one.version,
        owner=one.owner,
        name=one.name,
        stars=one.stars,
        downloads=one.downloads,
    )
