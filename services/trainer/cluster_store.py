"""What the trainer must remember of jobs in a cluster: which TrainingJob is theirs, and the last checkpoint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from services.trainer.tables import cluster_work


@dataclass(frozen=True)
class Work:
    """`uid` of the TrainingJob of this round (empty: none yet); digest of the last `checkpoint` (empty: none)."""

    uid: str = ""
    checkpoint: str = ""


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


def _set(session: Session, job_id: str, **values: Any) -> None:
    done = session.execute(update(cluster_work).where(cluster_work.c.job_id == job_id).values(**values))
    if done.rowcount == 0:  # type: ignore[attr-defined]
        session.execute(insert(cluster_work).values({"job_id": job_id, "uid": "", "checkpoint": "", **values}))
