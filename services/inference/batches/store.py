"""Batches in the database; their takes are in `takes.py`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, delete, func, insert, select, update
from sqlalchemy.orm import Session

from services.inference.domain.batches import Batch, Chosen, Manner, State
from services.inference.domain.lists.line import Line
from services.inference.tables import batch_lines, batch_takes, batches

_PLAIN = ("id", "account", "list_format", "lines", "attempt", "issued", "sequence", "zip_digest", "zip_size")


def add(session: Session, batch: Batch, lines: Sequence[Line], idempotency_key: str = "", plan_hash: str = "") -> None:
    """Stores a new batch and its lines; with a key the hash of what was asked for."""
    values = {name: getattr(batch, name) for name in _PLAIN} | vars(batch.manner)
    values |= {"state": batch.state.value, "voices": [asdict(chosen) for chosen in batch.voices]}
    values |= {"create_time": batch.create_time, "idempotency_key": idempotency_key or None, "plan_hash": plan_hash}
    session.execute(insert(batches).values(**values))
    rows = [
        {"batch_id": batch.id, "number": number, **_line_columns(line)} for number, line in enumerate(lines, start=1)
    ]
    session.execute(insert(batch_lines), rows)


def find(session: Session, batch_id: str) -> Batch | None:
    """The batch of an id."""
    row = session.execute(select(batches).where(batches.c.id == batch_id)).first()
    return _to_batch(row) if row else None


def made_before(session: Session, account: str, idempotency_key: str) -> tuple[str, str] | None:
    """The id of the batch that this key made before, and the hash of what was asked for."""
    query = select(batches.c.id, batches.c.plan_hash).where(batches.c.account == account)
    query = query.where(batches.c.idempotency_key == idempotency_key)
    row = session.execute(query).first() if idempotency_key else None
    return (row.id, row.plan_hash) if row else None


def page(session: Session, account: str, before: str, size: int) -> list[Batch]:
    """Batches of an account that are not deleted, newest first, older than the id `before` (empty: from the newest)."""
    query = select(batches).where(batches.c.account == account, batches.c.state != State.DELETED.value)
    query = query.order_by(batches.c.id.desc()).limit(size)
    if before:
        query = query.where(batches.c.id < before)
    return [_to_batch(row) for row in session.execute(query)]


def of_account(session: Session, account: str) -> list[Batch]:
    """All batches of an account that are not deleted."""
    query = select(batches).where(batches.c.account == account, batches.c.state != State.DELETED.value)
    return [_to_batch(row) for row in session.execute(query.order_by(batches.c.id))]


def open_count(session: Session, account: str) -> int:
    """How many batches of an account are under way."""
    under_way = [state.value for state in State if not state.ended]
    query = select(func.count()).where(batches.c.account == account, batches.c.state.in_(under_way))
    return int(session.execute(query).scalar_one())


def change(session: Session, batch_id: str, **values: Any) -> int:
    """Writes columns and answers the sequence number of this change."""
    counted = batches.c.sequence + 1
    session.execute(update(batches).where(batches.c.id == batch_id).values(sequence=counted, **values))
    return int(session.execute(select(batches.c.sequence).where(batches.c.id == batch_id)).scalar_one())


def needed_elsewhere(session: Session, batch_id: str, digest: str) -> bool:
    """Whether another batch made the same bytes: the audio of a take, or its zip."""
    audio = select(batch_takes.c.batch_id).where(batch_takes.c.digest == digest, batch_takes.c.batch_id != batch_id)
    zipped = select(batches.c.id).where(batches.c.zip_digest == digest, batches.c.id != batch_id)
    return any(session.execute(query.limit(1)).first() for query in (audio, zipped))


def forget(session: Session, batch_id: str) -> None:
    """Removes a batch with its lines and takes."""
    for table in (batch_takes, batch_lines):
        session.execute(delete(table).where(table.c.batch_id == batch_id))
    session.execute(delete(batches).where(batches.c.id == batch_id))


def _line_columns(line: Line) -> dict[str, Any]:
    values = vars(line).copy()
    values["line"] = values.pop("id")
    return values


def _to_batch(row: Row[Any]) -> Batch:
    return Batch(
        **{name: getattr(row, name) for name in _PLAIN},
        state=State(row.state),
        voices=tuple(Chosen(**chosen) for chosen in row.voices),
        manner=Manner(row.language, row.form, row.sample_rate, row.seed, row.speed),
        create_time=_utc(row.create_time),
        end_time=_utc(row.end_time) if row.end_time else None,
    )


def _utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
