"""What the tables say that the index shall hold: page by page, and what changed after a position of the log.

The log (`search_changes`) has the last change of each repository, written in the transaction that made it; transactions
that write queue, so that the order of the log is that of the commits. A page of the snapshot states the position at
which it was read: everything after the first page's position is read again from the log.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from services.catalog.domain.refs import MAIN
from services.catalog.domain.road import State
from services.catalog.domain.speaker import embedding_of
from services.catalog.domain.visibility import Visibility
from services.catalog.search.port import Change
from services.catalog.search.record import SearchRecord
from services.catalog.store.access_tables import CollaboratorRow
from services.catalog.store.tables import ChangeRow, RefRow, RepositoryRow, VersionRow

PAGE = 500
OPINIONS = ("mos_dnsmos", "mos")  # names of predicted mean opinion scores


@dataclass(frozen=True)
class Page:
    """A page of the snapshot.

    Attributes:
        changes: the voices of the page, each at the sequence of its last change.
        position: the end of the log when it was read.
        after: what to ask for next; None when there is no more.
    """

    changes: tuple[Change, ...]
    position: int
    after: int | None


def snapshot(session: Session, after: int = 0, size: int = PAGE) -> Page:
    """A page of the repositories that have a published `main`, in the order in which they were made."""
    query = select(RepositoryRow.sequence, RepositoryRow.id).where(RepositoryRow.sequence > after)
    batch = session.execute(query.order_by(RepositoryRow.sequence).limit(size)).all()
    ids = [row.id for row in batch]
    found = select(ChangeRow.repository_id, ChangeRow.sequence).where(ChangeRow.repository_id.in_(ids))
    sequences = {row.repository_id: row.sequence for row in session.execute(found)}
    changes = tuple(Change(record.id, sequences.get(record.id, 0), record) for record in records_of(session, ids))
    return Page(changes, end_of_log(session), batch[-1].sequence if len(batch) == size else None)


def end_of_log(session: Session) -> int:
    """The greatest sequence; 0 if nothing ever changed."""
    return int(session.scalar(select(func.max(ChangeRow.sequence))) or 0)


def changes_after(session: Session, position: int, size: int = PAGE) -> list[Change]:
    """The next changes of the log, with what the tables say now; of what is not found any more without a record."""
    query = select(ChangeRow.sequence, ChangeRow.repository_id).where(ChangeRow.sequence > position)
    rows = session.execute(query.order_by(ChangeRow.sequence).limit(size)).all()
    records = {record.id: record for record in records_of(session, [row.repository_id for row in rows])}
    return [Change(row.repository_id, row.sequence, records.get(row.repository_id)) for row in rows]


def records_of(session: Session, repository_ids: Sequence[str]) -> Iterator[SearchRecord]:
    """Records of those of the repositories that have a published `main`."""
    query = (
        select(RepositoryRow, VersionRow)
        .join(RefRow, (RefRow.repository_id == RepositoryRow.id) & (RefRow.name == MAIN))
        .join(VersionRow, VersionRow.id == RefRow.version_id)
        .where(RepositoryRow.id.in_(repository_ids), VersionRow.state == State.PUBLISHED.value)
        .where(RepositoryRow.taken_down.is_(False))
    )
    readers = _readers(session, repository_ids)
    for repository, version in session.execute(query):
        yield record_of(repository, version, readers.get(repository.id, ()))


def _readers(session: Session, repository_ids: Sequence[str]) -> dict[str, list[str]]:
    """The collaborators of repositories, whatever their role: each may read."""
    query = select(CollaboratorRow.repository_id, CollaboratorRow.account)
    found: dict[str, list[str]] = {}
    for row in session.execute(query.where(CollaboratorRow.repository_id.in_(repository_ids))):
        found.setdefault(row.repository_id, []).append(row.account)
    return found


def record_of(repository: RepositoryRow, version: VersionRow, readers: Iterable[str] = ()) -> SearchRecord:
    """What the index is told of a repository at its published version.

    Members of an organisation are no readers: they ask in the name of the organisation, which is the owner.
    """
    card = version.card
    return SearchRecord(
        id=repository.id,
        version=version.id,
        owner=repository.owner,
        name=repository.name,
        private=repository.visibility != Visibility.PUBLIC.value,
        created=version.publish_time or version.create_time,
        description_zh=str(card.get("description_zh", "")),
        description_en=str(card.get("description_en", "")),
        tags=tuple(card.get("tags", ())),
        languages=tuple(card.get("languages", ())),
        gender=str(card.get("gender", "")),
        age=str(card.get("age", "")),
        persona=str(card.get("persona", "")),
        emotions=tuple(card.get("emotions", ())),
        styles=tuple(card.get("styles", ())),
        timbres=tuple(card.get("timbres", ())),
        license=str(card.get("license", "")),
        mos=mos(version.figures, card.get("measured", {})),
        stars=repository.stars,
        downloads=repository.downloads,
        family=repository.family_id or repository.id,
        embedding=embedding_of(version.figures),
        readers=tuple(sorted(readers)),
    )


def mos(figures: Mapping[str, Any], measured: Mapping[str, Any]) -> float | None:
    """The predicted mean opinion score, 1 to 5: the hub's own, or else the one that the card states; None if neither.

    The card's was measured by its author.
    """
    stated = {name.lower(): value for name, value in measured.items()}
    for value in (source.get(name) for source in (figures, stated) for name in OPINIONS):
        number = value.get("value") if isinstance(value, dict) else value
        if isinstance(number, int | float) and not isinstance(number, bool) and 1 <= number <= 5:
            return float(number)
    return None
