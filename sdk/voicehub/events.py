"""Watching what happens on the hub: the road of a version, the progress of a training job."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from voicehub.decoding import decode
from voicehub.errors import from_problem
from voicehub.models import Progress
from voicehub.names import VoiceName
from voicehub.sse import ServerEvent
from voicehub.transport import Transport

OnState = Callable[[str], None]
OnProgress = Callable[[Progress], None]
FINAL_STATES = ("published", "quarantined", "erased")
FINAL_JOB_STATES = ("succeeded", "failed", "cancelled")


def states(transport: Transport, name: VoiceName, version: str) -> Iterator[str]:
    """The states of a version as it walks its road, each once, until published, quarantined or erased."""
    seen: set[str] = set()
    path = f"{name.path}/versions/{version}/events"
    for event in transport.events(path, lambda e: _state(e) in FINAL_STATES):
        state = _state(event)
        if state and state not in seen:
            seen.add(state)
            yield state


def progress(transport: Transport, job: str) -> Iterator[Progress]:
    """The progress of a training job, each event once, until the job has ended."""
    last = 0
    for event in transport.events(f"/v1/training-jobs/{job}/events", _job_ended):
        data = event.json()
        step = data.get("progress") or (data if "sequence" in data else None)
        if step and int(step.get("sequence", 0)) > last:
            value = decode(Progress, step)
            last = value.sequence
            yield value


def _state(event: ServerEvent) -> str:
    refuse_problem(event)
    data = event.json() if event.event in ("state", "message") else {}
    return str(data.get("state", "")) if isinstance(data, dict) else str(data)


def _job_ended(event: ServerEvent) -> bool:
    refuse_problem(event)
    data = event.json()
    job = data.get("job", data) if isinstance(data, dict) else {}
    return str(job.get("state", "")) in FINAL_JOB_STATES


def refuse_problem(event: ServerEvent) -> None:
    """Raises what the hub says went wrong in the middle of a stream."""
    if event.event == "problem":
        problem = event.json()
        raise from_problem(int(problem.get("status", 503)), problem)
