"""From the tables to the index: what changed since the last look is applied before every search.

Whoever changes what a search shows marks the repository as stale in the same transaction. So the index can be killed,
lost or deleted at any time: what it misses is still marked, and an index that was never filled is rebuilt whole.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from services.catalog.domain.road import State
from services.catalog.domain.visibility import Visibility
from services.catalog.search.port import SearchIndex
from services.catalog.search.record import SearchRecord
from services.catalog.store.repositories import MAIN
from services.catalog.store.tables import RefRow, RepositoryRow, StaleRow, VersionRow
from services.common.database import Database

BATCH = 500
EMBEDDING = "speaker_embedding"


class Projection:
    """Keeps one index at the state of the tables."""

    def __init__(self, database: Database, index: SearchIndex) -> None:
        self._database, self._index = database, index
        self._lock = threading.Lock()
        self._filled = False

    def rebuild(self) -> None:
        """Fills the index anew from the tables; what changes meanwhile stays marked and is applied afterwards."""
        with self._lock:
            self._rebuild()

    def catch_up(self) -> None:
        """Applies everything that was committed before this call; fills an index that is empty or outdated first.

        Raises Unavailable while the engine does not answer: what it missed stays marked.
        """
        with self._lock:
            if not self._filled and not self._index.stamp():
                self._rebuild()
            self._filled = True
            while self._apply_batch() == BATCH:
                pass

    def lag(self) -> int:
        """How many changes of the tables the index has not seen yet."""
        with self._database.read() as session:
            return int(session.scalar(select(func.count()).select_from(StaleRow)) or 0)

    def _rebuild(self) -> None:
        with self._database.read() as session:
            self._index.rebuild(all_records(session))

    def _apply_batch(self) -> int:
        with self._database.read() as session:
            stale = session.execute(
                select(StaleRow.sequence, StaleRow.repository_id).order_by(StaleRow.sequence).limit(BATCH)
            ).all()
            ids = sorted({row.repository_id for row in stale})
            records = list(records_of(session, ids)) if ids else []
        if not stale:
            return 0
        self._index.apply(records, sorted(set(ids) - {record.id for record in records}))
        with self._database.write() as session:
            session.execute(delete(StaleRow).where(StaleRow.sequence.in_([row.sequence for row in stale])))
        return len(stale)


def all_records(session: Session) -> Iterator[SearchRecord]:
    """A record of every repository with a published `main`, batch by batch."""
    after = 0
    while True:
        query = select(RepositoryRow.sequence, RepositoryRow.id).where(RepositoryRow.sequence > after)
        batch = session.execute(query.order_by(RepositoryRow.sequence).limit(BATCH)).all()
        if not batch:
            return
        yield from records_of(session, [row.id for row in batch])
        after = batch[-1].sequence


def records_of(session: Session, repository_ids: Sequence[str]) -> Iterator[SearchRecord]:
    """Records of those of the repositories that have a published `main`."""
    query = (
        select(RepositoryRow, VersionRow)
        .join(RefRow, (RefRow.repository_id == RepositoryRow.id) & (RefRow.name == MAIN))
        .join(VersionRow, VersionRow.id == RefRow.version_id)
        .where(RepositoryRow.id.in_(repository_ids), VersionRow.state == State.PUBLISHED.value)
    )
    for repository, version in session.execute(query):
        yield record_of(repository, version)


def record_of(repository: RepositoryRow, version: VersionRow) -> SearchRecord:
    """What the index is told of a repository at its published version."""
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
        mos=_mos({**card.get("measured", {}), **version.figures}),
        stars=repository.stars,
        downloads=repository.downloads,
        family=repository.id,
        embedding=_embedding(version.figures),
    )


def _embedding(figures: Mapping[str, Any]) -> tuple[float, ...]:
    """The speaker embedding among a version's figures, scaled to length 1; empty where nobody measured one."""
    told = figures.get(EMBEDDING)
    if not isinstance(told, list) or not told or not all(isinstance(one, int | float) for one in told):
        return ()
    length = math.hypot(*told)
    return tuple(one / length for one in told) if length and math.isfinite(length) else ()


def _mos(figures: Mapping[str, Any]) -> float | None:
    """The predicted mean opinion score among measurements and figures, 1 to 5; None if nobody judged."""
    for name in sorted(figures):
        value = (
            figures[name]["value"] if isinstance(figures[name], dict) and "value" in figures[name] else figures[name]
        )
        if name.lower().startswith("mos") and isinstance(value, int | float) and 1 <= value <= 5:
            return float(value)
    return None
