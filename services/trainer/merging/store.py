"""Merges in the trainer's database."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from sqlalchemy import Row, insert, select, update
from sqlalchemy.orm import Session

from services.common.clock import now
from services.trainer.merging.domain import Merge, State
from services.trainer.merging.tables import merges


def add(session: Session, merge: Merge) -> None:
    """Stores one that waits; one that is there already stays as it is."""
    if session.execute(select(merges.c.id).where(merges.c.id == merge.id)).first() is None:
        values = asdict(merge) | {"bases": list(merge.bases), "state": merge.state.value}
        session.execute(insert(merges).values(**values))


def next_queued(session: Session) -> Merge | None:
    """The one that waits longest."""
    query = select(merges).where(merges.c.state == State.QUEUED.value).order_by(merges.c.create_time, merges.c.id)
    row = session.execute(query.limit(1)).first()
    return _merge(row) if row else None


def find(session: Session, merge_id: str) -> Merge | None:
    """A merge by the id of its event."""
    row = session.execute(select(merges).where(merges.c.id == merge_id)).first()
    return _merge(row) if row else None


def end(session: Session, merge_id: str, state: State, result: str) -> None:
    """What became of one."""
    values = {"state": state.value, "result": result, "end_time": now()}
    session.execute(update(merges).where(merges.c.id == merge_id).values(**values))


def _merge(row: Row[Any]) -> Merge:
    values = dict(row._mapping)
    return Merge(**values | {"state": State(row.state)})
