"""The one loop that decides: looks at what has changed, settles the ledgers one after the other, hands out the work.

Only the writes run side by side; a training whose Job is under work is left alone until that is done, and a status is
written as it is when its turn has come. What fails is looked at again after a pause; what happened to be done twice is
refused by the API (fixed names, resource versions).
"""

from __future__ import annotations

import asyncio
import heapq
import logging
import time
from collections.abc import Awaitable, Callable
from functools import partial

from voicehub_operator import metrics
from voicehub_operator.accounts import Accounts
from voicehub_operator.api import Api, ApiError
from voicehub_operator.domain.ledger import Reservation
from voicehub_operator.domain.lifecycle import Act, Step
from voicehub_operator.domain.names import KIND_LABEL
from voicehub_operator.domain.training import Training
from voicehub_operator.domain.waiting import waiting
from voicehub_operator.lease import Lease
from voicehub_operator.places import Places
from voicehub_operator.pods import Pods
from voicehub_operator.reach import REACH
from voicehub_operator.settings import Settings
from voicehub_operator.work import Work
from voicehub_operator.world import World

log = logging.getLogger(__name__)

GATHER_SECONDS = 0.1
"""The least between two passes. A change after a pause is decided at once; those that follow are decided together, so
that a ledger is one write, however many they are.
"""
IDLE_SECONDS = 1.0
AGAIN_SECONDS = 1.0
NEWCOMERS, OTHERS = range(2)
"""New trainings are told that they are seen before the other statuses are written."""


class Scheduler:
    """Acts while the lease is held."""

    def __init__(self, api: Api, places: Places, world: World, lease: Lease, settings: Settings) -> None:
        self._api, self._places, self.world, self._lease, self._settings = api, places, world, lease, settings
        self._pods = Pods(api, places)
        self._work = Work(api, places, world, self._pods)
        self._accounts = Accounts(api, places, world, self._pods)
        self._news = asyncio.Event()
        self._busy: set[str] = set()
        self._saying: set[str] = set()
        self._timers: list[tuple[float, str]] = []
        self._acts: asyncio.Queue[tuple[str, Step]] = asyncio.Queue()
        self._words: asyncio.PriorityQueue[tuple[int, int, str]] = asyncio.PriorityQueue()
        self._number = 0
        self._passed = 0.0
        self._listed = False

    def wake(self) -> None:
        """Something has changed."""
        self._news.set()

    async def run(self) -> None:
        """Decides, forever."""
        async with asyncio.TaskGroup() as group:
            for _ in range(max(self._settings.writers // 2, 1)):  # Jobs and statuses do not wait for each other
                group.create_task(self._do_acts())
                group.create_task(self._say_words())
            group.create_task(self._list_now_and_then())
            while True:
                try:
                    await self._pass()
                except REACH as error:
                    metrics.ERRORS.labels("pass").inc()
                    log.warning("pass: %s", error)
                    await asyncio.sleep(AGAIN_SECONDS)
                await self._wait()

    async def _wait(self) -> None:
        try:
            await asyncio.wait_for(self._news.wait(), IDLE_SECONDS)
        except TimeoutError:
            return
        await asyncio.sleep(max(self._passed + GATHER_SECONDS - time.monotonic(), 0.0))
        self._news.clear()

    async def _pass(self) -> None:
        self._passed = time.monotonic()
        if not self._lease.held:
            self._listed = False
            return
        if not self._listed:
            await self._list()
            self._listed = True
        begin = time.perf_counter()
        now = time.time()
        while self._timers and self._timers[0][0] <= now:
            self.world.dirty.add(heapq.heappop(self._timers)[1])
        if not (self.world.dirty or self.world.dirty_queues):
            return
        steps = self._look(now)
        for training, step in steps.values():
            if training.status.phase is None and step.act is Act.NOTHING:
                self._hand_out(training, step)  # who is new hears so at once, whatever the ledgers take
        try:
            await self._settle(steps)
        except REACH:
            self.world.dirty.update(steps)  # nothing of it was handed out: the next pass looks again
            raise
        for training, step in steps.values():
            self._hand_out(training, step)
        metrics.PASS.observe(time.perf_counter() - begin)

    def _look(self, now: float) -> dict[str, tuple[Training, Step]]:
        """The steps of all trainings that have changed; those that want GPUs stand in line afterwards."""
        names = self.world.dirty - self._busy
        self.world.dirty &= self._busy
        steps: dict[str, tuple[Training, Step]] = {}
        for name in names:
            training = self.world.trainings.get(name)
            if training is None:
                continue
            step = self.world.step(training, now)
            steps[name] = (training, step)
            line = self.world.line(training.queue)
            if step.wants:
                line.put(
                    waiting(
                        name, training.uid, training.status.attempt, training.organisation, training.gpus,
                        training.priority, training.created, step.status.since or now,
                    )
                )  # fmt: skip
            else:
                line.remove(name)
            if step.wants or step.releases:
                self.world.dirty_queues.add(training.queue)
            if step.wake is not None:
                heapq.heappush(self._timers, (step.wake, name))
        return steps

    async def _settle(self, steps: dict[str, tuple[Training, Step]]) -> None:
        """Gives GPUs out, queue by queue; who gets some takes another step than it would have without."""
        queues, self.world.dirty_queues = self.world.dirty_queues, set()
        for name in sorted(queues):
            try:
                chosen = await self._settled(name)
            except REACH:
                self.world.dirty_queues |= queues
                raise
            for one in chosen:
                training = self.world.trainings.get(one.job)
                self.world.line(name).remove(one.job)
                if training is None or training.uid != one.uid:
                    self.world.dirty_queues.add(name)
                    continue
                steps[one.job] = (training, self.world.step(training, time.time(), one))

    async def _settled(self, queue: str) -> list[Reservation]:
        try:
            return await self._accounts.settle(queue, self._busy)
        except ApiError as error:
            if not (error.conflict or error.status == 404):
                raise
            await self._accounts.reread(queue)
            return []

    def _hand_out(self, training: Training, step: Step) -> None:
        if step.act is not Act.NOTHING or step.remove:
            self._busy.add(training.name)
            self._acts.put_nowait((training.name, step))
            return
        differs = step.status != training.status or training.observed != training.generation
        if differs and training.name not in self._saying:
            self._saying.add(training.name)
            self._number += 1
            rank = NEWCOMERS if training.status.phase is None else OTHERS
            self._words.put_nowait((rank, self._number, training.name))

    async def _do_acts(self) -> None:
        while True:
            name, step = await self._acts.get()
            await self._tried(name, partial(self._work.do, step=step))
            self._busy.discard(name)
            self.wake()

    async def _say_words(self) -> None:
        while True:
            _, _, name = await self._words.get()
            await self._tried(name, self._say)
            self._saying.discard(name)
            self.wake()

    async def _tried(self, name: str, write: Callable[[Training], Awaitable[None]]) -> None:
        try:
            if self._lease.held and (training := self.world.trainings.get(name)):
                await write(training)
        except REACH as error:
            await self._missed(name, error)

    async def _say(self, training: Training) -> None:
        """What is so by now, which may be more than when it was put in line."""
        step = self.world.step(training, time.time())
        if step.act is Act.NOTHING and not step.remove:
            await self._work.say(training, step.status)
        self.world.dirty.add(training.name)

    async def _missed(self, name: str, error: BaseException) -> None:
        """Its state was another by now: reads it anew. Anything else: tries again after a pause."""
        if not (isinstance(error, ApiError) and (error.conflict or error.status == 404)):
            metrics.ERRORS.labels("training").inc()
            log.warning("training %s: %s", name, error)
        else:
            try:
                await self._reread(name)
                return
            except REACH as again:
                log.warning("training %s: %s", name, again)
        heapq.heappush(self._timers, (time.time() + AGAIN_SECONDS, name))

    async def _reread(self, name: str) -> None:
        try:
            self.world.training(await self._api.get(self._places.of("trainingjobs", name)))
        except ApiError as error:
            if error.status != 404:
                raise
            if known := self.world.resources.get(name):
                self.world.training(known, gone=True)
        self.world.dirty.add(name)

    async def _list_now_and_then(self) -> None:
        """Against deaf watches; beside the passes, which do not wait for it."""
        while True:
            await asyncio.sleep(self._settings.resync_seconds)
            if not (self._lease.held and self._listed):
                continue
            try:
                await self._list()
            except REACH as error:
                metrics.ERRORS.labels("list").inc()
                log.warning("list: %s", error)
            self.wake()

    async def _list(self) -> None:
        """All that there is, from the API itself: at the beginning of a term, and now and then."""
        known = self._names()
        queues = await self._api.items(self._places.of("trainingqueues"))
        trainings = await self._api.items(self._places.of("trainingjobs"))
        jobs = await self._api.items(self._places.of("jobs"), labelSelector=f"{KIND_LABEL}=training")
        self.world.replace_all(queues, trainings, jobs, self._names() - known)

    def _names(self) -> set[str]:
        return {*self.world.queues, *self.world.resources, *self.world.jobs}
