"""What becomes of a job, written with the event that says so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from services.common import charges, outbox
from services.common.events import make_event
from services.stubs.voicehub.trainer.v1 import trainer_pb2 as pb
from services.trainer import store
from services.trainer.domain.jobs import PUSH, State
from services.trainer.messages import to_progress

SOURCE = "trainer"


def report(
    session: Session, job_id: str, step: str, fraction: float, message: str, figures: Mapping[str, float]
) -> None:
    """A progress report."""
    made = store.add_step(session, job_id, step, fraction, message, figures)
    payload = pb.TrainingProgressed(job_id=job_id, progress=to_progress(made))
    outbox.record(session, make_event("training", job_id, payload, SOURCE))


def begin_push(session: Session, job_id: str) -> bool:
    """From here on the job cannot be cancelled; False if it has been, or does not run for another reason."""
    job = store.find(session, job_id)
    if job is None or job.state is not State.RUNNING:
        return False
    if not job.being_pushed:
        report(session, job_id, PUSH, 0.0, "pushing to the hub", {})
    return True


def fail(session: Session, job_id: str, failure: str) -> None:
    """The end without a voice; Conflict if the job has ended already."""
    store.set_state(session, job_id, State.FAILED, failure=failure)
    charges.close(session, job_id, 0)
    payload = pb.TrainingFailed(job_id=job_id, failure=failure)
    outbox.record(session, make_event("training", job_id, payload, SOURCE))


def fail_running(session: Session, job_id: str, failure: str) -> None:
    """The same of a job that was perhaps cancelled or erased meanwhile: then nothing."""
    job = store.find(session, job_id)
    if job is not None and job.state is State.RUNNING:
        fail(session, job_id, failure)


def succeed(session: Session, job_id: str, version: str, report: Mapping[str, Any]) -> None:
    """The end with a voice that was pushed as `version`; Conflict if the job has ended already."""
    store.add_step(session, job_id, PUSH, 1.0, "pushed", {})
    store.set_state(session, job_id, State.SUCCEEDED, version_id=version, report=dict(report))
    charges.close(session, job_id, 1)
    payload = pb.TrainingSucceeded(job_id=job_id, version_id=version)
    outbox.record(session, make_event("training", job_id, payload, SOURCE))
