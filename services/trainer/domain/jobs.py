"""A training job and the states it may pass through."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from services.common.errors import Conflict


class State(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Nothing more happens unless somebody resumes it."""
        return self in (State.SUCCEEDED, State.FAILED, State.CANCELLED)


PUSH = "push"
"""The step with which a voice leaves for the catalog."""
_NEXT: Mapping[State, frozenset[State]] = {
    State.QUEUED: frozenset({State.RUNNING, State.CANCELLED, State.FAILED}),
    State.RUNNING: frozenset({State.SUCCEEDED, State.FAILED, State.CANCELLED}),
    State.CANCELLED: frozenset({State.QUEUED}),
    State.FAILED: frozenset({State.QUEUED}),
    State.SUCCEEDED: frozenset(),
}


def move(current: State, target: State) -> State:
    """The state after a legal step; Conflict says why a step is not possible."""
    if target not in _NEXT[current]:
        raise Conflict(
            f"The job is {current.value}; it cannot become {target.value}.",
            hint="Look at the job again: it went on meanwhile.",
            reason="JOB_STATE",
        )
    return target


@dataclass(frozen=True)
class Step:
    """One progress report. `fraction` runs from 0 to 1 within the named step."""

    sequence: int
    step: str
    fraction: float
    message: str
    figures: Mapping[str, float]
    time: datetime


@dataclass(frozen=True)
class Job:
    """A request to make a voice out of a recording."""

    id: str
    account: str
    owner: str
    name: str
    state: State
    recording: str
    recording_size: int
    filename: str
    transcript: str
    language: str
    declaration: Mapping[str, str]
    card: Mapping[str, Any]
    private: bool
    quick: bool
    base: str
    create_time: datetime
    end_time: datetime | None = None
    failure: str = ""
    version_id: str = ""
    report: Mapping[str, Any] = field(default_factory=dict)
    progress: Step | None = None

    @property
    def being_pushed(self) -> bool:
        """Its voice may be published already: it is too late to cancel."""
        return self.state is State.RUNNING and self.progress is not None and self.progress.step == PUSH
