"""GPUs that are given back late, and passes that fail half-way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest

from voicehub_operator.accounts import Accounts
from voicehub_operator.api import Api, ApiError
from voicehub_operator.domain.names import QUEUE_FINALIZER
from voicehub_operator.lease import Lease
from voicehub_operator.places import Places
from voicehub_operator.pods import Pods
from voicehub_operator.scheduler import Scheduler
from voicehub_operator.settings import Settings
from voicehub_operator.tests.test_world import FAILED, HELD, job, training
from voicehub_operator.world import World


def queue(version: int = 1, *holding: str) -> dict[str, Any]:
    return {
        "metadata": {"name": "gpu", "uid": "q", "resourceVersion": str(version), "generation": 1,
                     "finalizers": [QUEUE_FINALIZER] if holding else []},
        "spec": {"quota": 4},
        "status": {
            "observedGeneration": 1, "waiting": 0,
            "reservations": [
                {
                    "job": name, "uid": "u", "attempt": 1, "organisation": "acme", "gpus": 1,
                    "since": "2026-01-01T00:00:00Z",
                }
                for name in holding
            ],
        },
    }  # fmt: skip


class Server:
    """A queue as the API keeps it, and the pods of Jobs that are gone."""

    def __init__(self, *holding: str) -> None:
        self.queue = queue(1, *holding)
        self.pods: list[dict[str, Any]] = []
        self.failures: list[ApiError] = []
        self.meanwhile: Callable[[str], None] = lambda path: None
        """Called while a request is under way."""

    async def items(self, path: str, **_: Any) -> Sequence[dict[str, Any]]:
        self.meanwhile(path)
        return {"pods": self.pods, "trainingqueues": [self.queue]}.get(path.rpartition("/")[2], [])

    async def patch(self, path: str, change: dict[str, Any], version: str = "") -> dict[str, Any]:
        if self.failures:
            raise self.failures.pop()
        self.meanwhile(path)
        meta = {**self.queue["metadata"], **change.get("metadata", {})}
        meta["resourceVersion"] = str(int(self.queue["metadata"]["resourceVersion"]) + 1)
        self.queue = {**self.queue, "metadata": meta, "status": {**self.queue["status"], **change.get("status", {})}}
        return self.queue


def held(world: World) -> set[str]:
    return set(world.queues["gpu"].ledger.reservations)


def test_gpus_wait_for_the_last_pod_of_a_job_that_is_gone_and_not_longer() -> None:
    server, world, places = Server("t"), World(), Places("test")
    world.queue(server.queue)
    world.dirty_queues.clear()
    api = cast("Api", server)
    accounts = Accounts(api, places, world, Pods(api, places))
    server.pods = [{"metadata": {"name": "t-1-x", "uid": "p"}, "status": {"phase": "Running"}}]
    asyncio.run(accounts.settle("gpu", set()))
    assert held(world) == {"t"}
    assert world.dirty_queues == {"gpu"}, "no watch tells when the pod goes: the queue has to be looked at again"
    server.pods, world.dirty_queues = [], set()
    asyncio.run(accounts.settle("gpu", set()))
    assert held(world) == set()
    assert world.dirty_queues == {"gpu"}  # the write is news


def test_what_a_failed_pass_had_before_it_is_looked_at_again() -> None:
    server = Server()
    lease = cast("Lease", SimpleNamespace(held=True))
    scheduler = Scheduler(cast("Api", server), Places("test"), World(), lease, Settings(namespace="test", identity="i"))

    async def passes() -> None:
        await scheduler._pass()  # lists
        scheduler.world.training(training(2))
        server.failures = [ApiError(500, "InternalError", "etcd is away")]
        with pytest.raises(ApiError):
            await scheduler._pass()
        assert scheduler.world.dirty == {"t"}
        assert scheduler.world.dirty_queues == {"gpu"}
        await scheduler._pass()
        assert held(scheduler.world) == {"t"}

    asyncio.run(passes())


def scheduler_of(server: Server) -> Scheduler:
    lease = cast("Lease", SimpleNamespace(held=True))
    return Scheduler(cast("Api", server), Places("test"), World(), lease, Settings(namespace="test", identity="i"))


def test_a_training_gets_no_gpus_beside_those_of_its_former_round_whose_pod_still_ends() -> None:
    """It would begin beside it, and the former's reservation would be forgotten."""
    server = Server("t")
    pod = {"name": "t-1-x", "uid": "p", "deletionTimestamp": "2999-01-01T00:00:00Z"}
    server.pods = [{"metadata": pod, "status": {"phase": "Running"}}]
    scheduler = scheduler_of(server)

    def holders() -> list[tuple[str, str]]:
        return [(one.job, one.uid) for one in scheduler.world.queues["gpu"].ledger.reservations.values()]

    async def passes() -> None:
        await scheduler._pass()
        scheduler.world.training({**training(10, uid="u2"), "status": {}})
        for _ in range(2):
            await scheduler._pass()
            assert holders() == [("t", "u")]
        server.pods = []
        await scheduler._pass()
        assert holders() == [("t", "u2")]

    asyncio.run(passes())


def test_a_training_may_be_removed_while_it_is_worked_on() -> None:
    """While its GPUs are written into the ledger, and while its pod is asked how it ended."""
    server = Server()
    scheduler = scheduler_of(server)
    world = scheduler.world

    def removed(path: str) -> None:
        if "t" in world.trainings:
            world.training(training(9), gone=True)

    async def passes() -> None:
        await scheduler._pass()
        world.training(training(2))
        server.meanwhile = removed
        await scheduler._pass()
        assert not world.trainings
        server.meanwhile = lambda path: None
        await scheduler._pass()
        assert held(world) == set()
        world.training({**training(12), "status": {"attempt": 1, "phase": "Running", "job": "t-1"}})
        world.job(job(13, **FAILED))
        server.meanwhile = removed
        now = world.trainings["t"]
        await scheduler._work.do(now, world.step(now, 0.0, HELD))
        assert not world.trainings

    asyncio.run(passes())
