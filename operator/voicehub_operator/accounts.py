"""The ledgers of queues: GPUs are given back and given out in one write under the resource version that was read."""

from __future__ import annotations

import time
from typing import Any

from voicehub_operator import metrics
from voicehub_operator.api import Api, ApiError
from voicehub_operator.domain.fairness import choose
from voicehub_operator.domain.ledger import Ledger, Reservation
from voicehub_operator.domain.moments import text
from voicehub_operator.domain.names import QUEUE_FINALIZER, attempt_name
from voicehub_operator.domain.queues import Queue, ledger_json
from voicehub_operator.places import Places
from voicehub_operator.pods import Pods
from voicehub_operator.world import World

SHOW_SECONDS = 2.0
"""How old the depth in a queue's status may be."""


class Accounts:
    """Writes ledgers."""

    def __init__(self, api: Api, places: Places, world: World, pods: Pods) -> None:
        self._api, self._places, self._world, self._pods = api, places, world, pods
        self._shown: dict[str, float] = {}

    async def settle(self, name: str, busy: set[str]) -> list[Reservation]:
        """The reservations that were made now. `busy` are jobs under work: their GPUs stay as they are.

        Raises ApiError (a conflict if another replica wrote in between; then nothing was given out).
        """
        queue, now = self._world.queues.get(name), time.time()
        if queue is None:
            return []
        line = self._world.line(name)
        self._measure(queue, now)
        ended = [r for r in queue.ledger.reservations.values() if r.job not in busy and self._world.is_over(r, now)]
        over = [r.job for r in ended if await self._is_free(r)]
        if len(over) < len(ended):  # no watch tells of pods: the next pass asks again
            self._world.dirty_queues.add(name)
        ledger = queue.ledger.release(over, now, queue.shares.half_life)
        chosen: list[Reservation] = []
        if not (queue.held or queue.deleting or queue.rules.kueue):
            taken = {*busy, *ledger.reservations}  # whose pod of a former round still ends has GPUs, and gets no others
            chosen = [one for one in choose(ledger, line, queue.shares, now) if one.job not in taken]
        if chosen or over:
            await self._write(queue, ledger.reserve(chosen), len(line) - len(chosen), now)
            for one in chosen:
                if training := self._world.trainings.get(one.job):  # it may have gone while the ledger was written
                    metrics.WAIT.labels(name).observe(max(now - training.created, 0.0))
        elif self._is_stale(queue, len(line), now):
            await self._write(queue, ledger, len(line), now)
        await self._hold_back(self._world.queues.get(name))
        return chosen

    async def reread(self, name: str) -> None:
        """After a conflict: what the API shows now."""
        try:
            self._world.queue(await self._api.get(self._places.of("trainingqueues", name)))
        except ApiError as error:
            if error.status != 404:
                raise
        self._world.dirty_queues.add(name)

    async def _is_free(self, reservation: Reservation) -> bool:
        """GPUs of a Job that is not there any more are free when its pods are gone, too."""
        job = attempt_name(reservation.job, reservation.attempt)
        if job in self._world.children:
            return True
        return await self._pods.gone(job)

    async def _write(self, queue: Queue, ledger: Ledger, waiting: int, now: float) -> None:
        status: dict[str, Any] = {
            **ledger_json(ledger), "waiting": waiting, "observedGeneration": queue.generation,
            "conditions": [_accepted(queue, now)],
        }  # fmt: skip
        path = self._places.of("trainingqueues", queue.name, "status")
        self._world.queue(await self._api.patch(path, {"status": status}, queue.version))
        self._shown[queue.name] = now

    def _is_stale(self, queue: Queue, waiting: int, now: float) -> bool:
        if queue.status.get("observedGeneration") != queue.generation:
            return True
        differs = queue.status.get("waiting") != waiting
        if differs and now - self._shown.get(queue.name, 0.0) < SHOW_SECONDS:
            return False
        return differs

    async def _hold_back(self, queue: Queue | None) -> None:
        """A queue cannot vanish while jobs hold GPUs in it; an idle one can, even when its operator goes with it."""
        if queue is None:
            return
        needed = bool(queue.ledger.reservations)
        has = QUEUE_FINALIZER in queue.finalizers
        busy = len(self._world.line(queue.name)) > 0
        if has == needed or (has and busy and not queue.deleting) or (needed and queue.deleting):
            return
        others = [one for one in queue.finalizers if one != QUEUE_FINALIZER]
        change = {"metadata": {"finalizers": [*others, QUEUE_FINALIZER] if needed else others}}
        self._world.queue(await self._api.patch(self._places.of("trainingqueues", queue.name), change, queue.version))

    def _measure(self, queue: Queue, now: float) -> None:
        line = self._world.line(queue.name)
        oldest = line.oldest()
        metrics.DEPTH.labels(queue.name).set(len(line))
        metrics.OLDEST.labels(queue.name).set(now - oldest if oldest else 0.0)
        metrics.GPUS.labels(queue.name).set(queue.ledger.gpus)
        metrics.QUOTA.labels(queue.name).set(queue.shares.quota)


def _accepted(queue: Queue, now: float) -> dict[str, Any]:
    former = next((c for c in queue.status.get("conditions", ()) if c["type"] == "Admitting"), None)
    state, reason = ("False", "Held") if queue.held else ("True", "Kueue" if queue.rules.kueue else "Fair")
    same = former and former["status"] == state
    return {
        "type": "Admitting", "status": state, "reason": reason, "message": "", "observedGeneration": queue.generation,
        "lastTransitionTime": former["lastTransitionTime"] if same and former else text(now),
    }  # fmt: skip
