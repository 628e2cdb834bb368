"""The work on one training: its step's act on the API, then its new status."""

from __future__ import annotations

import time
from dataclasses import replace

from voicehub_operator import metrics
from voicehub_operator.api import Api, ApiError
from voicehub_operator.domain.conditions import conditions
from voicehub_operator.domain.lifecycle import Act, Step, ended_attempt
from voicehub_operator.domain.names import attempt_name
from voicehub_operator.domain.retries import Ending
from voicehub_operator.domain.training import Phase, Status, Training
from voicehub_operator.manifests.training import training_job
from voicehub_operator.places import Places
from voicehub_operator.pods import Pods
from voicehub_operator.world import NO_QUEUE, Resource, World

REFUSED_SECONDS = 30.0
"""Before a Job that the API refused is tried again: somebody has to change the queue meanwhile."""


class Work:
    """Does steps. All it learns from the answers goes into the world at once."""

    def __init__(self, api: Api, places: Places, world: World, pods: Pods) -> None:
        self._api, self._places, self._world, self._pods = api, places, world, pods

    async def do(self, training: Training, step: Step) -> None:
        """The act of a step; ApiError if the API refuses, a conflict if its state is another by now.

        What follows from the act alone is said later, so that no Job waits for the status of another.
        """
        begin = time.perf_counter()
        if step.remove:
            await self._api.delete(self._places.of("trainingjobs", training.name), training.uid)
            return
        status = await self._act(training, step)
        if status is not None:
            await self.say(training, status)
        if step.act not in (Act.CLEAR, Act.DELETE, Act.LOOK):  # those are looked at again by their timers
            self._world.dirty.add(training.name)
        metrics.RECONCILE.labels("TrainingJob").observe(time.perf_counter() - begin)

    async def _act(self, training: Training, step: Step) -> Status | None:
        name = attempt_name(training.name, training.status.attempt)
        if step.act is Act.CREATE:
            return await self._create(training, step.status)
        if step.act in (Act.SUSPEND, Act.RESUME):
            await self._suspend(name, step.act is Act.SUSPEND)
            return None
        if step.act is Act.DELETE:
            await self._api.delete(self._places.of("jobs", name))
        elif step.act is Act.ASK:
            self._world.tell(name, *await self._pods.ended(name))
            return self._again(training)
        elif step.act is Act.CLEAR:
            await self._pods.clear(name)
        elif step.act is Act.LOOK:
            return await self._look(training, name, step.status)
        return step.status

    async def _create(self, training: Training, status: Status) -> Status | None:
        queue, resource = self._world.queues.get(training.queue), self._known(training)
        if queue is None or resource is None:
            return None  # the next look sees what is left
        manifest = training_job(resource, queue.spec, training.status.attempt, kueue=queue.rules.kueue)
        try:
            made = await self._api.create(self._places.of("jobs"), manifest)
        except ApiError as error:
            if error.conflict:  # it was made before a crash, or its watch is late
                self._world.job(await self._api.get(self._places.of("jobs", manifest["metadata"]["name"])))
                return self._again(training)
            if not error.final:
                raise
            metrics.ERRORS.labels("job-refused").inc()
            retry = time.time() + REFUSED_SECONDS
            message = f"its Job was refused: {error.message}"[:512]
            return replace(status, phase=Phase.BACKOFF, reason="JobRefused", message=message, job="", retry=retry)
        self._world.job(made)
        metrics.ATTEMPTS.labels(training.queue).inc()
        return None

    async def _suspend(self, job: str, suspended: bool) -> None:
        try:
            self._world.job(await self._api.patch(self._places.of("jobs", job), {"spec": {"suspend": suspended}}))
        except ApiError as error:
            if error.status != 404:
                raise
            self._world.dirty.add(job.rpartition("-")[0])

    async def _look(self, training: Training, job: str, status: Status) -> Status:
        try:
            self._world.job(await self._api.get(self._places.of("jobs", job)))
            return self._again(training)
        except ApiError as error:
            if error.status != 404:
                raise
        if not await self._pods.gone(job):  # never two pods of one training
            message = "its Job was removed, its pod ends"
            return replace(status, phase=Phase.STOPPING, reason="JobDeleted", message=message)
        queue = self._world.queues.get(training.queue)
        rules = queue.rules if queue else NO_QUEUE
        return ended_attempt(training, status, Ending.LOST, None, rules, time.time()).status

    def _again(self, training: Training) -> Status:
        """The status that follows from what was just learned; its act comes with the next pass."""
        self._world.dirty.add(training.name)
        self._world.dirty_queues.add(training.queue)
        step = self._world.step(training, time.time())
        return step.status if step.act is Act.NOTHING else training.status

    async def say(self, training: Training, status: Status) -> None:
        """Writes the status, if it is another one than the API shows, and the training is still there."""
        resource = self._known(training)
        if resource is None or (status == training.status and training.observed == training.generation):
            return
        former = resource.get("status", {}).get("conditions", ())
        change = {
            **status.as_json(),
            "observedGeneration": training.generation,
            "conditions": conditions(status, training.generation, former, time.time()),
        }
        path = self._places.of("trainingjobs", training.name, "status")
        self._world.training(await self._api.patch(path, {"status": change}, training.version))
        if status.phase and status.phase.ended and not (training.status.phase and training.status.phase.ended):
            metrics.ENDED.labels(training.queue, status.phase.value).inc()

    def _known(self, training: Training) -> Resource | None:
        """Its resource; None if it was removed meanwhile, or is another of the same name."""
        resource = self._world.resources.get(training.name)
        return resource if resource and resource["metadata"]["uid"] == training.uid else None
