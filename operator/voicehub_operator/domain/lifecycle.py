"""The life of a training: from what is (resource, Job, reservation) to what is to be done. One function, no memory.

Every step follows from the state that the API shows, and the name of an attempt's Job from its number, so a step that
was cut off by a crash is simply taken again.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum

from voicehub_operator.domain.ledger import Reservation
from voicehub_operator.domain.names import attempt_name
from voicehub_operator.domain.retries import Backoff, Ending, ending_of, tries_again
from voicehub_operator.domain.training import Child, Phase, Status, Training


class Act(StrEnum):
    """What is done with the Job of the attempt."""

    NOTHING = "nothing"
    CREATE = "create"
    SUSPEND = "suspend"
    RESUME = "resume"
    DELETE = "delete"
    LOOK = "look"
    """The Job was made and is not seen: ask the API itself."""
    ASK = "ask"
    """The Job has failed: ask its pod for the exit code."""
    CLEAR = "clear"
    """The Job has failed and its pod does not go: its node may be lost, and nobody else will remove it."""


LOOK_SECONDS = 2.0
"""Between two looks at what does not go."""
SEEN_SECONDS = 15.0
"""How long at least an ended training stays: whoever made it (the trainer looks every second) sees how it ended."""


@dataclass(frozen=True)
class Rules:
    """What a queue says of lifecycles.

    Attributes:
        exists: whether there is such a queue.
        kueue: Jobs are made suspended, and Kueue admits them; there are no reservations.
        ttl: seconds after which an ended training is removed, where it does not say itself; None is never.
    """

    exists: bool = True
    kueue: bool = False
    backoff: Backoff = field(default_factory=Backoff)
    ttl: float | None = None


@dataclass(frozen=True)
class Step:
    """What follows from a state: the new status, the wish for GPUs, whether those held are given back, the act."""

    status: Status
    wants: bool = False
    releases: bool = False
    act: Act = Act.NOTHING
    wake: float | None = None
    remove: bool = False


def step(training: Training, child: Child | None, held: Reservation | None, rules: Rules, now: float) -> Step:
    """What is to be done for a training now."""
    status = training.status
    if not status.queued:
        status = replace(status, queued=now)
    mine = child if child is None or child.owner == training.uid else None
    held = held if held and held.uid == training.uid and held.attempt == status.attempt else None
    if status.phase and status.phase.ended:
        return _after(training, status, mine, rules, now)
    if mine and mine.outcome:
        return _over(training, status, mine, rules, now)
    if mine and mine.deleting:
        return Step(replace(status, phase=Phase.STOPPING, reason="JobDeleted", message="its Job is being removed"))
    if training.cancelled or training.deleting:
        return _stop(status, mine, rules, Phase.CANCELLED, now)
    if training.paused:
        return _stop(status, mine, rules, Phase.PAUSED, now)
    if held or (rules.kueue and mine):
        return _run(training, status, mine, rules, now)
    if mine and not mine.idle:  # its reservation is gone (the queue was made anew): never more GPUs than the quota
        return Step(_queued(status, "Reservation", "waits for its GPUs to be counted", now), act=Act.SUSPEND)
    if child and not mine:
        return Step(_queued(status, "NameTaken", "the Job of a former training of this name still ends", now))
    return _wait(training, status, rules, now)


def _wait(training: Training, status: Status, rules: Rules, now: float) -> Step:
    if not rules.exists:
        return Step(_queued(status, "QueueNotFound", f"there is no TrainingQueue {training.queue!r} here", now))
    if status.retry > now:
        return Step(replace(status, phase=Phase.BACKOFF), wake=status.retry)
    if rules.kueue:
        return _run(training, _queued(status, "Kueue", "waits for Kueue", now), None, rules, now)
    return Step(_queued(status, "Waiting", "waits for GPUs", now), wants=True)


def _run(training: Training, status: Status, child: Child | None, rules: Rules, now: float) -> Step:
    name = attempt_name(training.name, status.attempt)
    if child is None:
        if status.retry > now:  # the API refused its Job
            return Step(replace(status, phase=Phase.BACKOFF), releases=True, wake=status.retry)
        if status.job == name:
            return Step(status, act=Act.LOOK, wake=now + LOOK_SECONDS)
        starting = replace(status, phase=Phase.STARTING, reason="Admitted", message="", job=name, retry=0.0)
        return Step(starting if not rules.kueue else replace(status, job=name), act=Act.CREATE)
    status = replace(status, job=name)
    if child.failing:
        return Step(replace(status, message="its pod ends"), act=Act.CLEAR, wake=now + LOOK_SECONDS)
    if child.suspended:
        if rules.kueue:
            return Step(_queued(status, "Kueue", "waits for Kueue", now))
        return Step(replace(status, phase=Phase.STARTING, reason="Admitted", message="", retry=0.0), act=Act.RESUME)
    if child.ready or (status.phase is Phase.RUNNING and child.pods == 0):  # its pod has ended, its Job will say how
        begun = status.started or now
        return Step(replace(status, phase=Phase.RUNNING, reason="Running", message="", started=begun))
    return Step(replace(status, phase=Phase.STARTING, reason="Admitted", message=""))


def _stop(status: Status, child: Child | None, rules: Rules, target: Phase, now: float) -> Step:
    if child is None or (child.idle and not rules.kueue):
        ended = now if target.ended else 0.0
        done = replace(status, phase=target, reason=target.value, message="", ended=ended, since=0.0)
        if target is Phase.PAUSED and child:  # goes on as a new attempt, which is told the last checkpoint
            done = replace(done, attempt=status.attempt + 1, job="")
        return Step(done, releases=True)
    stopping = replace(status, phase=Phase.STOPPING, reason=target.value, message="its pod ends", since=0.0)
    if rules.kueue:  # Kueue alone says which Jobs are suspended
        return Step(stopping, act=Act.DELETE, wake=now + LOOK_SECONDS)
    return Step(stopping, act=Act.NOTHING if child.suspended else Act.SUSPEND)


def _over(training: Training, status: Status, child: Child, rules: Rules, now: float) -> Step:
    if child.outcome == "Complete":
        done = replace(status, phase=Phase.SUCCEEDED, reason="Succeeded", message="", ended=now, exit_code=0)
        return Step(replace(done, started=status.started or now, job=child.name), releases=True)
    if not child.told:
        return Step(status, act=Act.ASK)
    return ended_attempt(training, status, ending_of(child.exit_code, child.reason), child, rules, now)


def ended_attempt(
    training: Training, status: Status, ending: Ending, child: Child | None, rules: Rules, now: float
) -> Step:
    """What follows when an attempt ended without success; `child` is None when its Job has vanished."""
    lost = ending is Ending.LOST
    counted = replace(
        status,
        failures=status.failures + (not lost),
        lost=status.lost + lost,
        exit_code=child.exit_code if child else None,
        reason=ending.value,
        message=_message(ending, child),
        since=0.0,
    )
    stopped = training.cancelled or training.deleting
    if stopped or not tries_again(ending, counted.failures, training.retries):
        phase = Phase.CANCELLED if stopped else Phase.FAILED
        return Step(replace(counted, phase=phase, ended=now), releases=True)
    pause = 0.0 if lost and counted.lost == 1 else rules.backoff.seconds(counted.failures + counted.lost)
    again = replace(counted, phase=Phase.BACKOFF, attempt=status.attempt + 1, job="", retry=now + pause)
    return Step(again, releases=True, wake=again.retry)


def _message(ending: Ending, child: Child | None) -> str:
    if ending is Ending.LOST:
        return "its pod was lost with its node; it goes on from its last checkpoint"
    if ending is Ending.BAD_INPUT:
        code = child.exit_code if child else None
        return f"the worker refused its input (exit code {code}); correct it and train again"
    return ((child.words or child.message) if child else "")[:512]


def _after(training: Training, status: Status, child: Child | None, rules: Rules, now: float) -> Step:
    if child and not child.idle:
        return Step(status, act=Act.DELETE if rules.kueue else Act.SUSPEND, wake=now + LOOK_SECONDS)
    ttl = rules.ttl if training.ttl is None else training.ttl
    if ttl is None:
        return Step(status, releases=True)
    removal = status.ended + max(ttl, SEEN_SECONDS)
    return Step(status, releases=True, wake=removal, remove=removal <= now)


def _queued(status: Status, reason: str, message: str, now: float) -> Status:
    return replace(status, phase=Phase.QUEUED, reason=reason, message=message, since=status.since or now)
