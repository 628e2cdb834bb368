"""Evaluations in the trainer's database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, Text, cast, delete, insert, select, update
from sqlalchemy.orm import Session

from services.trainer.evaluation.domain import Evaluation, Sentence, State
from services.trainer.evaluation.tables import evaluations


def add(session: Session, evaluation: Evaluation) -> None:
    """Stores a new one."""
    session.execute(insert(evaluations).values(**_columns(evaluation)))


def save(session: Session, evaluation: Evaluation) -> bool:
    """Writes what became of one; False if it is not there any more."""
    changed = update(evaluations).where(evaluations.c.id == evaluation.id).values(**_columns(evaluation))
    return bool(session.execute(changed.returning(evaluations.c.id)).first())


def of_version(session: Session, version_id: str) -> Sequence[Evaluation]:
    """All of a version."""
    query = select(evaluations).where(evaluations.c.version_id == version_id)
    return [_evaluation(row) for row in session.execute(query)]


def audio_alone(session: Session, evaluation: Evaluation) -> list[str]:
    """Digests of the audio of an evaluation that no other version's sounds exactly like."""
    spoken = cast(evaluations.c.sentences, Text)
    others = select(evaluations.c.id).where(evaluations.c.version_id != evaluation.version_id)
    digests = [sentence.digest for sentence in evaluation.sentences if sentence.digest]
    return [one for one in digests if not session.execute(others.where(spoken.contains(one)).limit(1)).first()]


def forget(session: Session, version_id: str) -> None:
    """Removes those of a version."""
    session.execute(delete(evaluations).where(evaluations.c.version_id == version_id))


def last(session: Session, version_id: str, *, failed_too: bool = True) -> Evaluation | None:
    """The last evaluation of a version."""
    query = select(evaluations).where(evaluations.c.version_id == version_id)
    if not failed_too:
        query = query.where(evaluations.c.state != State.FAILED.value)
    row = session.execute(query.order_by(evaluations.c.id.desc()).limit(1)).first()
    return _evaluation(row) if row else None


def in_state(session: Session, state: State) -> Sequence[Evaluation]:
    """All in a state, oldest first."""
    query = select(evaluations).where(evaluations.c.state == state.value).order_by(evaluations.c.id)
    return [_evaluation(row) for row in session.execute(query)]


def _columns(evaluation: Evaluation) -> dict[str, Any]:
    return asdict(evaluation) | {
        "state": evaluation.state.value,
        "sentences": [asdict(s) for s in evaluation.sentences],
    }


def _evaluation(row: Row[Any]) -> Evaluation:
    values = dict(row._mapping)
    values["state"] = State(row.state)
    values["sentences"] = tuple(Sentence(**one) for one in row.sentences)
    values["create_time"] = _utc(row.create_time)
    values["end_time"] = _utc(row.end_time) if row.end_time else None
    return Evaluation(**values)


def _utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
