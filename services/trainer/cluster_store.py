"""What the trainer must remember of jobs in a cluster: which TrainingJob is theirs, and what was stored for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from services.trainer.domain.jobs import State
from services.trainer.tables import cluster_objects, cluster_work, jobs


class Kind(StrEnum):
    """What an object of a job is."""

    REQUEST = "request"
    CHECKPOINT = "checkpoint"
    VOICE = "voice"


@dataclass(frozen=True)
class Stored:
    """An object of a job, which stands at `state` (None: it was erased); a larger `sequence` is a later one."""

    sequence: int
    job_id: str
    digest: str
    kind: Kind
    state: State | None


MAKING = "making"
"""Stands in the place of a uid from before a TrainingJob is made until it is known what came of that."""


@dataclass(frozen=True)
class Work:
    """`uid` of the TrainingJob of this round (empty: none yet); digest of the last `checkpoint` (empty: none)."""

    uid: str = ""
    checkpoint: str = ""

    @property
    def made(self) -> bool:
        """Whether this round's TrainingJob was there, surely."""
        return self.uid not in ("", MAKING)


def find(session: Session, job_id: str) -> Work:
    """What is known of a job."""
    row = session.execute(select(cluster_work).where(cluster_work.c.job_id == job_id)).first()
    return Work(row.uid, row.checkpoint) if row else Work()


def belongs(session: Session, job_id: str, uid: str) -> None:
    """From now on the TrainingJob with this uid is the job's."""
    _set(session, job_id, uid=uid)


def forget(session: Session, job_id: str) -> None:
    """The round is over: a resumed job gets another TrainingJob, which goes on from the checkpoint."""
    _set(session, job_id, uid="")


def keep_checkpoint(session: Session, job_id: str, digest: str) -> None:
    """The last checkpoint of a job."""
    _set(session, job_id, checkpoint=digest)
    keep_object(session, job_id, digest, Kind.CHECKPOINT)


def keep_object(session: Session, job_id: str, digest: str, kind: Kind) -> None:
    """Remembers that it was stored; said again, it is the latest."""
    same = (cluster_objects.c.job_id == job_id) & (cluster_objects.c.digest == digest)
    session.execute(delete(cluster_objects).where(same))
    session.execute(insert(cluster_objects).values(job_id=job_id, digest=digest, kind=kind.value))


def objects(session: Session) -> Sequence[Stored]:
    """Of all jobs, oldest first."""
    table = cluster_objects.c
    query = select(cluster_objects, jobs.c.state).outerjoin(jobs, jobs.c.id == table.job_id).order_by(table.sequence)
    return [
        Stored(row.sequence, row.job_id, row.digest, Kind(row.kind), State(row.state) if row.state else None)
        for row in session.execute(query)
    ]


def drop_objects(session: Session, gone: Sequence[Stored]) -> None:
    """Forgets that they were there."""
    session.execute(delete(cluster_objects).where(cluster_objects.c.sequence.in_([one.sequence for one in gone])))


def _set(session: Session, job_id: str, **values: Any) -> None:
    done = session.execute(update(cluster_work).where(cluster_work.c.job_id == job_id).values(**values))
    if done.rowcount == 0:  # type: ignore[attr-defined]
        session.execute(insert(cluster_work).values({"job_id": job_id, "uid": "", "checkpoint": "", **values}))
