"""Jobs and their progress in the trainer's database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, func, insert, select, update
from sqlalchemy.orm import Session

from services.common.clock import now
from services.trainer.domain.jobs import Job, State, Step, move
from services.trainer.tables import jobs, progress


def add(session: Session, job: Job, idempotency_key: str) -> None:
    """Stores a new job."""
    values = asdict(job)
    del values["progress"]
    session.execute(insert(jobs).values(**values, idempotency_key=idempotency_key or None))


def find(session: Session, job_id: str) -> Job | None:
    """The job with its latest progress."""
    row = session.execute(select(jobs).where(jobs.c.id == job_id)).first()
    return _to_job(session, row) if row else None


def find_by_key(session: Session, account: str, idempotency_key: str) -> Job | None:
    """The job that this key made before."""
    query = select(jobs).where(jobs.c.account == account, jobs.c.idempotency_key == idempotency_key)
    row = session.execute(query).first()
    return _to_job(session, row) if row else None


def page(session: Session, account: str, before: str, size: int) -> Sequence[Job]:
    """Jobs of an account, newest first, older than the job id `before` (empty: from the newest)."""
    query = select(jobs).where(jobs.c.account == account).order_by(jobs.c.id.desc()).limit(size)
    if before:
        query = query.where(jobs.c.id < before)
    return [_to_job(session, row) for row in session.execute(query)]


def of_account(session: Session, account: str) -> Sequence[Job]:
    """All jobs of an account, oldest first."""
    query = select(jobs).where(jobs.c.account == account).order_by(jobs.c.id)
    return [_to_job(session, row) for row in session.execute(query)]


def in_state(session: Session, state: State) -> Sequence[Job]:
    """All jobs in a state, oldest first."""
    query = select(jobs).where(jobs.c.state == state.value).order_by(jobs.c.id)
    return [_to_job(session, row) for row in session.execute(query)]


def set_state(session: Session, job_id: str, target: State, **changes: Any) -> None:
    """Moves a job on; Conflict if the stored state does not allow it."""
    current = session.execute(select(jobs.c.state).where(jobs.c.id == job_id)).scalar_one()
    move(State(current), target)
    end = now() if target.ended else None
    session.execute(update(jobs).where(jobs.c.id == job_id).values(state=target.value, end_time=end, **changes))


def requeue(session: Session, job: Job) -> None:
    """Takes a job back whose work was cut off, if nobody has ended it meanwhile."""
    running = (jobs.c.id == job.id) & (jobs.c.state == State.RUNNING.value)
    session.execute(update(jobs).where(running).values(state=State.QUEUED.value))


def add_step(
    session: Session, job_id: str, step: str, fraction: float, message: str, figures: Mapping[str, float]
) -> Step:
    """Appends a progress report with the next sequence number."""
    last = session.execute(select(func.max(progress.c.sequence)).where(progress.c.job_id == job_id)).scalar()
    made = Step((last or 0) + 1, step, fraction, message, dict(figures), now())
    session.execute(insert(progress).values(job_id=job_id, **asdict(made)))
    return made


def steps_after(session: Session, job_id: str, sequence: int) -> Sequence[Step]:
    """Progress reports after `sequence`, in order."""
    query = (
        select(progress)
        .where(progress.c.job_id == job_id, progress.c.sequence > sequence)
        .order_by(progress.c.sequence)
    )
    return [_to_step(row) for row in session.execute(query)]


def _to_step(row: Row[Any]) -> Step:
    return Step(row.sequence, row.step, row.fraction, row.message, row.figures, _utc(row.time))


def _to_job(session: Session, row: Row[Any]) -> Job:
    query = select(progress).where(progress.c.job_id == row.id).order_by(progress.c.sequence.desc()).limit(1)
    last = session.execute(query).first()
    values = dict(row._mapping)
    del values["idempotency_key"]
    values["state"] = State(row.state)
    values["create_time"] = _utc(row.create_time)
    values["end_time"] = _utc(row.end_time) if row.end_time else None
    return Job(**values, progress=_to_step(last) if last else None)


def _utc(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
