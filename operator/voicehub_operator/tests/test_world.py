from __future__ import annotations

from typing import Any

from voicehub_operator.domain.ledger import Reservation
from voicehub_operator.world import World


def training(version: int, uid: str = "u", attempt: int = 1, **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {
            "name": "t", "uid": uid, "resourceVersion": str(version), "creationTimestamp": "2026-01-01T00:00:00Z",
        },
        "spec": {"queue": "gpu", "organisation": "acme", **spec},
        "status": {"attempt": attempt},
    }  # fmt: skip


def job(version: int, owner: str = "u", **status: Any) -> dict[str, Any]:
    return {
        "metadata": {
            "name": "t-1", "uid": "j", "resourceVersion": str(version), "labels": {"voicehub.dev/owner": "t"},
            "ownerReferences": [{"uid": owner, "controller": True}],
        },
        "spec": {},
        "status": status,
    }  # fmt: skip


def queue(version: int, uid: str = "q") -> dict[str, Any]:
    return {"metadata": {"name": "gpu", "uid": uid, "resourceVersion": str(version)}, "spec": {"quota": 4}}


FAILED: dict[str, Any] = {"conditions": [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}]}
HELD = Reservation("t", "u", 1, "acme", 1, 0.0)


def test_an_older_state_never_replaces_a_newer_one() -> None:
    world = World()
    world.training(training(7, priority=7))
    world.training(training(5, priority=5))  # a watch that lags behind the answer to an own write
    assert world.trainings["t"].priority == 7


def test_the_end_of_a_former_resource_does_not_remove_its_successor() -> None:
    world = World()
    world.training(training(9, uid="new"))
    world.training(training(8, uid="old"), gone=True)
    assert world.trainings["t"].uid == "new"


def test_what_a_pod_was_asked_for_is_kept() -> None:
    world = World()
    world.job(job(1, **FAILED))
    world.tell("t-1", 65, "two voices")
    world.job(job(2, **FAILED))
    child = world.children["t-1"]
    assert (child.exit_code, child.words, child.told) == (65, "two voices", True)


def test_gpus_of_a_removed_training_are_free_when_its_job_has_ended() -> None:
    world = World()
    world.job(job(1, active=1))
    assert not world.is_over(HELD, 0.0)
    world.job(job(2, **FAILED))
    assert world.is_over(HELD, 0.0)


def test_gpus_of_an_attempt_that_is_over_are_free_and_those_of_the_current_one_are_not() -> None:
    world = World()
    world.training(training(1, attempt=2))
    assert world.is_over(HELD, 0.0)
    world.training(training(2, attempt=1))
    assert not world.is_over(HELD, 0.0)


def test_what_a_listing_does_not_have_is_gone_but_for_what_was_made_meanwhile() -> None:
    world = World()
    world.training(training(1))
    world.job(job(2))
    world.replace_all([], [], [], since={"t-1"})
    assert not world.trainings
    assert "t-1" in world.children


def test_what_was_seen_to_go_while_a_listing_was_read_does_not_come_back() -> None:
    world = World()
    world.training(training(1))
    world.job(job(2))
    world.training(training(3), gone=True)
    world.job(job(4), gone=True)
    world.replace_all([], [training(1)], [job(2)], since=set())
    assert not world.trainings
    assert not world.children


def test_the_end_of_a_former_queue_does_not_remove_its_successor() -> None:
    """What runs in it would be suspended."""
    world = World()
    world.queue(queue(9, uid="new"))
    world.queue(queue(8, uid="old"), gone=True)
    assert world.queues["gpu"].uid == "new"


def test_a_queue_that_was_made_while_a_listing_was_read_stays() -> None:
    world = World()
    world.queue(queue(1))
    world.replace_all([], [], [], since={"gpu"})
    assert "gpu" in world.queues
    world.replace_all([], [], [], since=set())
    assert not world.queues


def test_a_queue_that_was_seen_to_go_while_a_listing_was_read_does_not_come_back() -> None:
    world = World()
    world.queue(queue(1))
    world.queue(queue(2), gone=True)
    world.replace_all([queue(1)], [], [], since=set())
    assert not world.queues
