"""The worker of one training in a pod: `python -m services.trainer.pod`.

Runs the same worker process as an embedded hub. The recording comes from the object store; checkpoints and the voice
go there; progress goes out as events. What it shall do is in the environment (docs/operator.md). Exit codes: 0 the
voice is stored and said; 65 the recording is refused, for good; 75 told to end, or anything that is worth a retry.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from google.protobuf.message import Message

from services.common.away import is_away
from services.common.events import Event, EventBus, make_event, open_bus
from services.common.objects import Area, ObjectStore, open_store
from services.common.objects.port import chunks_of
from services.common.settings import Settings, load
from services.common.telemetry import configure_logging
from services.stubs.voicehub.common.v1 import common_pb2
from services.stubs.voicehub.trainer.v1 import worker_pb2 as pb
from services.trainer.archives import pack, unpack
from services.trainer.domain.endings import REFUSED, TRY_AGAIN

log = logging.getLogger(__name__)
CHECKPOINT_SECONDS, CHECKPOINT_REST = 10.0, 10.0
"""How long after a checkpoint the next one may come, and at least how many times as long as it took."""
AWAY_SECONDS, PATIENCE_SECONDS = 2.0, 900.0
LAST_WORDS, LAST_WORDS_CHARACTERS = Path("/dev/termination-log"), 512
WORKER = (sys.executable, "-m", "services.trainer.worker")


@dataclass(frozen=True)
class Order:
    """What the operator says in the environment: ids and digests."""

    job: str
    request: str
    checkpoint: str
    attempt: int

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Order:
        """KeyError names a variable that is missing."""
        return cls(
            environment["VOICEHUB_TRAINING_JOB"],
            environment["VOICEHUB_TRAINING_REQUEST"],
            environment.get("VOICEHUB_TRAINING_CHECKPOINT", ""),
            int(environment.get("VOICEHUB_TRAINING_ATTEMPT", "1")),
        )


class Pod:
    """One attempt."""

    def __init__(
        self,
        order: Order,
        objects: ObjectStore,
        bus: EventBus,
        folder: Path,
        bases: Path,
        worker: Sequence[str] = WORKER,
    ) -> None:
        self._order, self._objects, self._bus, self._folder, self._bases = order, objects, bus, folder, bases
        self._worker = tuple(worker)
        self._process: subprocess.Popen[str] | None = None
        self._kept, self._due = order.checkpoint, 0.0
        self._untold: list[Event] = []
        self._told = threading.Event()

    def run(self) -> int:
        """From the recording to the voice; answers the exit code."""
        self._insist(self._prepare)
        outcome = self._work()
        if "report" in outcome:
            self._insist(partial(self._deliver, outcome["report"]))
            return 0
        if outcome.get("refused"):
            self._insist(partial(self._say, pb.WorkerRefused(failure=str(outcome["failure"]), **self._whose())))
            return REFUSED
        self._insist(self._keep)
        _last_words("told to end" if self._told.is_set() else str(outcome.get("cause", "its worker stopped")))
        return TRY_AGAIN

    def end(self, *_: object) -> None:
        """Told to end: the worker ends, and what it has trained is kept."""
        self._told.set()
        if self._process:
            self._process.terminate()

    def _prepare(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        with self._objects.open(Area.QUARANTINE, self._order.request) as stream:
            request = json.loads(stream.read())
        with (
            self._objects.open(Area.QUARANTINE, request.pop("recording")) as source,
            (self._folder / "recording").open("wb") as target,
        ):
            target.writelines(chunks_of(source))
        (self._folder / "request.json").write_text(json.dumps({**request, "bases": str(self._bases)}))
        if self._order.checkpoint:
            unpack(self._objects, self._order.checkpoint, self._folder / "tune")
            log.info("goes on from a checkpoint", extra={"checkpoint": self._order.checkpoint})

    def _work(self) -> dict[str, Any]:
        outcome: dict[str, Any] = {}
        self._process = subprocess.Popen([*self._worker, str(self._folder)], stdout=subprocess.PIPE, text=True)
        if self._told.is_set():
            self._process.terminate()
        assert self._process.stdout is not None
        for line in self._process.stdout:
            message = json.loads(line)
            if "step" not in message:
                outcome = message
                continue
            try:
                self._say(pb.WorkerProgressed(**message, **self._whose()))
                if message["step"] == "train" and time.monotonic() > self._due:
                    self._keep()
            except Exception as error:  # edge: what is told on the way is no reason to end what goes on meanwhile
                log.warning("progress or checkpoint lost, the next follows", exc_info=error)
        outcome["refused"] = self._process.wait() == REFUSED
        return outcome

    def _insist(self, done: Callable[[], None]) -> None:
        """Does what a training begins or ends with as soon as the engines that it needs are there.

        Raises what is_away tells from other errors after `PATIENCE_SECONDS`, or at once when the pod is told to end.
        """
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return done()
            except Exception as error:
                if not is_away(error) or self._told.is_set() or time.monotonic() > until:
                    raise
                log.warning("an engine is away, trying again", exc_info=error)
                self._told.wait(AWAY_SECONDS)

    def _deliver(self, report: Mapping[str, Any]) -> None:
        voice = pack(self._objects, self._folder / "voice", self._order.job)
        said = pb.WorkerFinished(voice=common_pb2.ObjectRef(digest=voice.digest, size=voice.size), **self._whose())
        said.report.update(report)
        self._say(said)

    def _keep(self) -> None:
        """A checkpoint, if there is a new one. The worker goes on meanwhile; it renames whole files into place."""
        tune = self._folder / "tune"
        if not tune.exists():
            return
        begin = time.monotonic()
        stored = pack(self._objects, tune, self._order.job)
        self._due = time.monotonic() + max(CHECKPOINT_SECONDS, CHECKPOINT_REST * (time.monotonic() - begin))
        if stored.digest != self._kept:
            checkpoint = common_pb2.ObjectRef(digest=stored.digest, size=stored.size)
            self._untold.append(self._event(pb.WorkerCheckpointed(checkpoint=checkpoint, **self._whose())))
            self._kept = stored.digest
        self._publish()

    def _whose(self) -> dict[str, Any]:
        return {"job_id": self._order.job, "attempt": self._order.attempt}

    def _say(self, message: Message) -> None:
        self._publish(self._event(message))

    def _publish(self, *events: Event) -> None:
        """With all that was stored and not told yet: the trainer removes only what it was told of."""
        if self._untold or events:
            self._bus.publish([*self._untold, *events])
            self._untold.clear()

    def _event(self, message: Message) -> Event:
        return make_event("training", self._order.job, message, "trainer-worker")


def main(settings: Settings, environment: Mapping[str, str], folder: Path, worker: Sequence[str] = WORKER) -> int:
    """Runs the attempt that the environment describes."""
    configure_logging("trainer-worker", settings.log_level)
    bus = open_bus(settings.events_url)
    try:
        pod = Pod(Order.of(environment), open_store(settings.objects_url), bus, folder, settings.bases, worker)
        signal.signal(signal.SIGTERM, pod.end)
        return pod.run()
    except (OSError, KeyError) as error:
        log.error("attempt failed", exc_info=error)
        _last_words(f"{type(error).__name__}: {error}")
        return TRY_AGAIN
    finally:
        bus.close()


def _last_words(why: str) -> None:
    """Where the kubelet reads why a container ended; the operator shows it in the status of the training."""
    log.warning("ended without a voice", extra={"why": why})
    if LAST_WORDS.exists():
        LAST_WORDS.write_text(why[:LAST_WORDS_CHARACTERS], encoding="utf-8")


if __name__ == "__main__":
    place = Path(os.environ.get("VOICEHUB_WORK", "/work")) / "training"
    raise SystemExit(main(load("trainer"), os.environ, place))
