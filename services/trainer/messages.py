"""Jobs as protobuf messages."""

from __future__ import annotations

from google.protobuf import struct_pb2

from services.common.clock import to_timestamp
from services.stubs.voicehub.trainer.v1 import trainer_pb2 as pb
from services.trainer.domain.jobs import Job, State, Step

_STATES = {
    State.QUEUED: pb.JOB_STATE_QUEUED,
    State.RUNNING: pb.JOB_STATE_RUNNING,
    State.SUCCEEDED: pb.JOB_STATE_SUCCEEDED,
    State.FAILED: pb.JOB_STATE_FAILED,
    State.CANCELLED: pb.JOB_STATE_CANCELLED,
}


def to_progress(step: Step) -> pb.Progress:
    """A progress report."""
    return pb.Progress(
        sequence=step.sequence,
        step=step.step,
        fraction=step.fraction,
        message=step.message,
        figures=dict(step.figures),
        time=to_timestamp(step.time),
    )


def to_message(job: Job) -> pb.Job:
    """A job with its latest progress."""
    report = struct_pb2.Struct()
    report.update(dict(job.report))
    return pb.Job(
        id=job.id,
        owner=job.owner,
        name=job.name,
        state=_STATES[job.state],
        progress=to_progress(job.progress) if job.progress else None,
        create_time=to_timestamp(job.create_time),
        end_time=to_timestamp(job.end_time),
        failure=job.failure,
        version_id=job.version_id,
        base=job.base,
        report=report,
    )
