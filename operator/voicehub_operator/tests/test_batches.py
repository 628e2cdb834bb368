"""Workers of batches: what the API refuses of one is said there, and hinders no other."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any, cast

from voicehub_operator.api import Api, ApiError
from voicehub_operator.batches import Batches
from voicehub_operator.lag import Wanted
from voicehub_operator.lease import Lease
from voicehub_operator.places import Places
from voicehub_operator.settings import Settings


def batch(name: str, scaler: str = "Own") -> dict[str, Any]:
    return {
        "metadata": {"name": name, "uid": name, "resourceVersion": "1"},
        "spec": {
            "group": "g", "topic": "t", "minWorkers": 0, "maxWorkers": 4, "lagPerWorker": 1, "cooldownSeconds": 60,
            "scaler": scaler, "worker": {"image": "x"},
        },
    }  # fmt: skip


class Server:
    """An API without KEDA; what it was told of statuses, by batch."""

    def __init__(self) -> None:
        self.told: dict[str, dict[str, Any]] = {}

    async def get(self, path: str) -> dict[str, Any]:
        raise ApiError(404, "NotFound", "the server could not find the requested resource")

    async def apply(self, path: str, resource: Mapping[str, Any], manager: str) -> dict[str, Any]:
        if "scaledobjects" in path:
            raise ApiError(404, "NotFound", "the server could not find the requested resource")
        return {**resource, "status": {"readyReplicas": 3}}

    async def patch(self, path: str, change: dict[str, Any], version: str = "") -> dict[str, Any]:
        name = path.split("/")[-2]
        if name == "removed":
            raise ApiError(404, "NotFound", "it is gone")
        self.told[name] = change["status"]
        return batch(name)


async def three(wanted: Sequence[Wanted]) -> Mapping[Wanted, int]:
    return dict.fromkeys(wanted, 3)


def test_one_that_the_api_refuses_is_told_why_and_the_others_are_scaled() -> None:
    server = Server()
    settings, lease = Settings(namespace="test", identity="i"), cast("Lease", SimpleNamespace(held=True))
    batches = Batches(cast("Api", server), Places("test"), lease, settings, three)
    for one in (batch("first", "KEDA"), batch("removed"), batch("second")):
        batches.see(one)
    asyncio.run(batches._pass())
    (refused,), (ready,) = (server.told[name]["conditions"] for name in ("first", "second"))
    assert (refused["status"], refused["reason"]) == ("False", "Refused")
    assert "could not find" in refused["message"]
    assert (ready["status"], ready["reason"], ready["message"]) == ("True", "Scaled", "")
    assert server.told["second"]["workers"] == 3
    assert set(batches._batches) == {"first", "second"}
