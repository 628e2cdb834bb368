"""What the operator knows: the newest state of each resource, from watches, listings and the answers to own writes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from voicehub_operator.domain.ledger import Reservation
from voicehub_operator.domain.lifecycle import Rules, Step, step
from voicehub_operator.domain.names import OWNER_LABEL, attempt_name
from voicehub_operator.domain.queues import Queue
from voicehub_operator.domain.training import Child, Training
from voicehub_operator.domain.waiting import Line

Resource = Mapping[str, Any]
NO_QUEUE = Rules(exists=False)


class World:
    """Trainings, their Jobs and queues by name, and who has changed since the last look.

    A state is only ever replaced by a newer one: watches lag behind the answers to own writes.
    """

    def __init__(self) -> None:
        self.trainings: dict[str, Training] = {}
        self.resources: dict[str, Resource] = {}
        self.queues: dict[str, Queue] = {}
        self.children: dict[str, Child] = {}
        self.jobs: dict[str, Resource] = {}
        self.lines: dict[str, Line] = {}
        self.dirty: set[str] = set()
        self.dirty_queues: set[str] = set()
        self._buried: set[str] = set()

    def training(self, resource: Resource, *, gone: bool = False) -> None:
        """A TrainingJob was seen."""
        name = resource["metadata"]["name"]
        if _older(resource, self.resources.get(name), gone=gone):
            return
        if gone:
            former = self.trainings.pop(name, None)
            self.resources.pop(name, None)
            self._buried.add(resource["metadata"]["uid"])
            if former:
                self.line(former.queue).remove(name)
        else:
            self.resources[name] = resource
            self.trainings[name] = Training.of(resource)
        self.dirty.add(name)
        self.dirty_queues.add(resource["spec"]["queue"])

    def job(self, resource: Resource, *, gone: bool = False) -> None:
        """A Job of a training was seen."""
        meta = resource["metadata"]
        name, owner = meta["name"], (meta.get("labels") or {}).get(OWNER_LABEL, "")
        if _older(resource, self.jobs.get(name), gone=gone):
            return
        former = self.children.pop(name, None)
        if gone:
            self.jobs.pop(name, None)
            self._buried.add(meta["uid"])
        else:
            child, known = Child.of(resource), self.jobs.get(name)
            if former and former.told and known and known["metadata"]["uid"] == meta["uid"]:
                child = replace(child, exit_code=former.exit_code, words=former.words, told=True)
            self.jobs[name], self.children[name] = resource, child
        self.dirty.add(owner)
        if owner not in self.trainings:  # its training is gone; whoever counts its GPUs should look
            self.dirty_queues.update(self.queues)

    def tell(self, job: str, exit_code: int | None, words: str) -> None:
        """The exit code and the last words of a failed Job's pod are known now."""
        child = self.children.get(job)
        if child:
            self.children[job] = replace(child, exit_code=exit_code, words=words, told=True)

    def queue(self, resource: Resource, *, gone: bool = False) -> None:
        """A TrainingQueue was seen."""
        meta = resource["metadata"]
        name, former = meta["name"], self.queues.get(meta["name"])
        if former and (meta["uid"] != former.uid if gone else int(meta["resourceVersion"]) <= int(former.version)):
            return
        if gone:
            self.queues.pop(name, None)
            self._buried.add(meta["uid"])
        else:
            self.queues[name] = Queue.of(resource)
        self.dirty_queues.add(name)
        if gone or former is None or former.generation != self.queues[name].generation:
            self.dirty.update(t.name for t in self.trainings.values() if t.queue == name)

    def replace_all(
        self, queues: Iterable[Resource], trainings: Iterable[Resource], jobs: Iterable[Resource], since: set[str]
    ) -> None:
        """A whole listing: what it does not have any more is gone, but for what was made since it began.

        What was seen to go meanwhile does not come back.
        """
        listed = {name: {r["metadata"]["name"]: r for r in found}
                  for name, found in (("q", queues), ("t", trainings), ("j", jobs))}  # fmt: skip
        for name in set(self.queues) - set(listed["q"]) - since:
            self.queues.pop(name)
        for name in set(self.resources) - set(listed["t"]) - since:
            self.training(self.resources[name], gone=True)
        for name in set(self.jobs) - set(listed["j"]) - since:
            self.job(self.jobs[name], gone=True)
        for kind, see in (("q", self.queue), ("j", self.job), ("t", self.training)):
            for resource in listed[kind].values():
                if resource["metadata"]["uid"] not in self._buried:
                    see(resource)
        self._buried.clear()
        self.dirty.update(self.trainings)
        self.dirty_queues.update(self.queues)

    def line(self, queue: str) -> Line:
        """The line before a queue."""
        return self.lines.setdefault(queue, Line())

    def step(self, training: Training, now: float, held: Reservation | None = None) -> Step:
        """What is to be done for a training; `held` are GPUs that the ledger does not show yet."""
        queue = self.queues.get(training.queue)
        held = held or (queue.ledger.reservations.get(training.name) if queue else None)
        child = self.children.get(attempt_name(training.name, training.status.attempt))
        return step(training, child, held, queue.rules if queue else NO_QUEUE, now)

    def is_over(self, reservation: Reservation, now: float) -> bool:
        """Whether the GPUs of a reservation are free again: whoever held them has ended and has no pod."""
        child = self.children.get(attempt_name(reservation.job, reservation.attempt))
        mine = child if child and child.owner == reservation.uid else None
        if mine and not mine.idle:
            return False  # no step gives GPUs back that a Job holds
        training = self.trainings.get(reservation.job)
        if training is None or training.uid != reservation.uid or training.status.attempt != reservation.attempt:
            return True
        return self.step(training, now).releases


def _older(resource: Resource, known: Resource | None, *, gone: bool) -> bool:
    if known is None:
        return False
    if gone:
        return bool(resource["metadata"]["uid"] != known["metadata"]["uid"])
    return int(resource["metadata"]["resourceVersion"]) <= int(known["metadata"]["resourceVersion"])
