from __future__ import annotations

from dataclasses import replace

import pytest

from voicehub_operator.domain.ledger import Reservation
from voicehub_operator.domain.lifecycle import SEEN_SECONDS, Act, Rules, Step, step
from voicehub_operator.domain.retries import Backoff
from voicehub_operator.domain.training import Child, Phase, Status, Training

NOW = 1_000.0
JOB = Training("t", "u", "1", 1, 900.0, "gpu", "acme", 2)
HELD = Reservation("t", "u", 1, "acme", 2, 990.0)
RUNNING = Status(phase=Phase.RUNNING, job="t-1", queued=900.0, started=950.0)
CHILD = Child("t-1", "u", pods=1, ready=1)
RULES = Rules(backoff=Backoff(10.0, 60.0))


def at(status: Status, **changes: object) -> Training:
    return replace(JOB, status=status, **changes)  # type: ignore[arg-type]


def test_a_new_training_is_queued_and_wants_gpus() -> None:
    done = step(JOB, None, None, RULES, NOW)
    assert (done.status.phase, done.status.queued, done.wants, done.act) == (Phase.QUEUED, NOW, True, Act.NOTHING)


def test_with_gpus_its_job_is_made_under_the_name_of_the_attempt() -> None:
    done = step(JOB, None, HELD, RULES, NOW)
    assert (done.status.phase, done.status.job, done.act) == (Phase.STARTING, "t-1", Act.CREATE)


def test_the_same_step_is_taken_again_after_a_crash() -> None:
    assert step(JOB, None, HELD, RULES, NOW).act is Act.CREATE
    adopted = step(JOB, CHILD, HELD, RULES, NOW)  # the Job was made, the status was not written
    assert (adopted.status.phase, adopted.status.job, adopted.act) == (Phase.RUNNING, "t-1", Act.NOTHING)


def test_a_job_that_was_made_and_is_not_seen_is_looked_for_not_made_again() -> None:
    assert step(at(RUNNING), None, HELD, RULES, NOW).act is Act.LOOK


def test_success_gives_the_gpus_back() -> None:
    done = step(at(RUNNING), replace(CHILD, outcome="Complete"), HELD, RULES, NOW)
    assert (done.status.phase, done.status.ended, done.releases) == (Phase.SUCCEEDED, NOW, True)


def test_between_the_end_of_its_pod_and_that_of_its_job_a_training_runs() -> None:
    running = replace(RUNNING, reason="Running")
    assert step(at(running), replace(CHILD, pods=0, ready=0), HELD, RULES, NOW).status == running
    unready = step(at(running), replace(CHILD, ready=0), HELD, RULES, NOW)
    assert unready.status.phase is Phase.STARTING


def failed(code: int | None, **changes: object) -> Step:
    child = replace(CHILD, outcome="Failed", reason="BackoffLimitExceeded", exit_code=code, told=True)
    return step(at(replace(RUNNING, **changes)), child, HELD, RULES, NOW)  # type: ignore[arg-type]


def test_the_exit_code_is_asked_for_before_anything_is_decided() -> None:
    done = step(at(RUNNING), replace(CHILD, outcome="Failed"), HELD, RULES, NOW)
    assert (done.act, done.releases, done.status) == (Act.ASK, False, RUNNING)


@pytest.mark.parametrize("code", [64, 65])
def test_bad_input_is_never_tried_again(code: int) -> None:
    done = failed(code)
    assert (done.status.phase, done.status.reason, done.status.exit_code) == (Phase.FAILED, "BadInput", code)


def test_the_last_words_of_a_pod_say_more_than_its_job() -> None:
    child = replace(
        CHILD, outcome="Failed", message="Job has reached the specified backoff limit", exit_code=1, told=True
    )
    assert step(at(RUNNING), child, HELD, RULES, NOW).status.message == "Job has reached the specified backoff limit"
    child = replace(child, words="no room on the disk")
    assert step(at(RUNNING), child, HELD, RULES, NOW).status.message == "no room on the disk"


def test_other_failures_are_tried_again_with_backoff_and_a_limit() -> None:
    first = failed(1)
    assert (first.status.phase, first.status.attempt, first.status.retry) == (Phase.BACKOFF, 2, NOW + 10)
    assert failed(137, failures=2).status.retry == NOW + 40
    assert failed(1, failures=3).status.phase is Phase.FAILED


def test_a_lost_pod_is_always_tried_again_and_at_once() -> None:
    done = failed(None, failures=3)
    assert (done.status.phase, done.status.failures, done.status.lost) == (Phase.BACKOFF, 3, 1)
    assert done.status.retry == NOW
    assert failed(None, lost=7).status.phase is Phase.BACKOFF


def test_a_backoff_waits_and_then_wants_gpus_again() -> None:
    status = failed(1).status
    waits = step(at(status), None, None, RULES, NOW + 5)
    assert (waits.wants, waits.wake, waits.status.phase) == (False, NOW + 10, Phase.BACKOFF)
    again = step(at(status), None, None, RULES, NOW + 10)
    assert (again.wants, again.status.phase) == (True, Phase.QUEUED)
    assert step(at(status), None, replace(HELD, attempt=2), RULES, NOW + 10).status.job == "t-2"


def test_gpus_of_a_former_attempt_or_a_former_training_of_the_name_are_not_its_own() -> None:
    status = failed(1).status
    assert step(at(status), None, HELD, RULES, NOW + 10).wants
    assert step(JOB, None, replace(HELD, uid="another"), RULES, NOW).wants


@pytest.mark.parametrize(("wish", "end"), [("paused", Phase.PAUSED), ("cancelled", Phase.CANCELLED)])
def test_stopping_keeps_the_gpus_until_the_pod_is_gone(wish: str, end: Phase) -> None:
    training = at(RUNNING, **{wish: True})
    begun = step(training, CHILD, HELD, RULES, NOW)
    assert (begun.act, begun.releases, begun.status.phase) == (Act.SUSPEND, False, Phase.STOPPING)
    told = replace(CHILD, suspended=True)
    assert step(training, told, HELD, RULES, NOW).releases is False
    gone = step(training, replace(told, stopped=True, pods=0), HELD, RULES, NOW)
    assert (gone.releases, gone.status.phase) == (True, end)


def test_a_paused_training_goes_on_as_a_new_attempt() -> None:
    still = replace(CHILD, suspended=True, stopped=True, pods=0, ready=0)
    paused = step(at(RUNNING, paused=True), still, HELD, RULES, NOW).status
    assert (paused.phase, paused.attempt, paused.failures) == (Phase.PAUSED, 2, 0)
    assert step(at(paused, paused=True), None, None, RULES, NOW).status == paused
    assert step(at(paused), None, None, RULES, NOW).wants
    assert step(at(paused), None, replace(HELD, attempt=2), RULES, NOW).status.job == "t-2"


def test_a_job_that_was_stopped_for_want_of_a_reservation_goes_on_with_one() -> None:
    still = replace(CHILD, suspended=True, stopped=True, pods=0, ready=0)
    assert step(at(RUNNING), still, None, RULES, NOW).wants
    assert step(at(RUNNING), still, HELD, RULES, NOW).act is Act.RESUME


def test_a_job_without_a_reservation_is_stopped() -> None:
    done = step(at(RUNNING), CHILD, None, RULES, NOW)
    assert (done.act, done.status.phase, done.status.reason) == (Act.SUSPEND, Phase.QUEUED, "Reservation")


def test_the_job_of_a_former_training_of_the_name_is_waited_for() -> None:
    done = step(JOB, replace(CHILD, owner="another"), None, RULES, NOW)
    assert (done.wants, done.act, done.status.reason) == (False, Act.NOTHING, "NameTaken")


def test_an_unknown_queue_is_named() -> None:
    done = step(JOB, None, None, Rules(exists=False), NOW)
    assert (done.wants, done.status.reason) == (False, "QueueNotFound")
    assert "'gpu'" in done.status.message


def test_time_to_live() -> None:
    over = Status(phase=Phase.SUCCEEDED, ended=NOW, queued=900.0)
    assert step(at(over), None, None, RULES, NOW + 1e9).remove is False
    kept = step(at(over, ttl=60.0), None, None, RULES, NOW + 59)
    assert (kept.remove, kept.wake) == (False, NOW + 60)
    assert step(at(over, ttl=60.0), None, None, RULES, NOW + 60).remove


def test_who_made_a_training_sees_how_it_ended_also_where_nothing_is_kept() -> None:
    """It took one that the cluster had removed at once for one that somebody had removed."""
    over = Status(phase=Phase.FAILED, ended=NOW, queued=900.0)
    for training, rules in ((at(over, ttl=0.0), RULES), (at(over), Rules(ttl=0.0))):
        kept = step(training, None, None, rules, NOW)
        assert (kept.remove, kept.wake) == (False, NOW + SEEN_SECONDS)
        assert step(training, None, None, rules, NOW + SEEN_SECONDS).remove


def test_kueue_decides_when_a_job_runs() -> None:
    rules = Rules(kueue=True)
    made = step(JOB, None, None, rules, NOW)
    assert (made.act, made.wants, made.status.phase) == (Act.CREATE, False, Phase.QUEUED)
    held_back = step(at(made.status), replace(CHILD, suspended=True, pods=0, ready=0), None, rules, NOW)
    assert (held_back.act, held_back.status.reason) == (Act.NOTHING, "Kueue")
    assert step(at(made.status), CHILD, None, rules, NOW).status.phase is Phase.RUNNING
    assert step(at(made.status, cancelled=True), CHILD, None, rules, NOW).act is Act.DELETE


def test_a_status_survives_the_api() -> None:
    status = failed(137).status
    assert Status.of({k: v for k, v in status.as_json().items() if v is not None}) == status
