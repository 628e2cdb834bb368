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
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf.message import Message

from services.common.events import EventBus, make_event, open_bus
from services.common.objects import Area, ObjectStore, open_store
from services.common.objects.port import chunks_of
from services.common.settings import Settings, load
from services.common.telemetry import configure_logging
from services.stubs.voicehub.common.v1 import common_pb2
from services.stubs.voicehub.trainer.v1 import worker_pb2 as pb
from services.trainer.archives import pack, unpack
from services.trainer.domain.endings import REFUSED, TRY_AGAIN

log = logging.getLogger(__name__)
CHECKPOINT_SECONDS = 10.0
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
        self._kept, self._kept_at = order.checkpoint, 0.0
        self._ends = False

    def run(self) -> int:
        """From the recording to the voice; answers the exit code."""
        self._prepare()
        outcome = self._work()
        if "report" in outcome:
            voice = pack(self._objects, self._folder / "voice")
            said = pb.WorkerFinished(voice=common_pb2.ObjectRef(digest=voice.digest, size=voice.size), **self._whose())
            said.report.update(outcome["report"])
            self._say(said)
            return 0
        if outcome.get("refused"):
            self._say(pb.WorkerRefused(failure=str(outcome["failure"]), **self._whose()))
            return REFUSED
        self._keep()
        log.warning("ended without a voice", extra={"failure": outcome.get("failure", ""), "told": self._ends})
        return TRY_AGAIN

    def end(self, *_: object) -> None:
        """Told to end: the worker ends, and what it has trained is kept."""
        self._ends = True
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
        if self._ends:
            self._process.terminate()
        assert self._process.stdout is not None
        for line in self._process.stdout:
            message = json.loads(line)
            if "step" not in message:
                outcome = message
                continue
            self._say(pb.WorkerProgressed(**message, **self._whose()))
            if message["step"] == "train" and time.monotonic() - self._kept_at > CHECKPOINT_SECONDS:
                self._keep()
        outcome["refused"] = self._process.wait() == REFUSED
        return outcome

    def _keep(self) -> None:
        """A checkpoint, if there is a new one. Its files are renamed into place, so each is whole."""
        tune = self._folder / "tune"
        if not tune.exists():
            return
        stored = pack(self._objects, tune)
        self._kept_at = time.monotonic()
        if stored.digest != self._kept:
            self._kept = stored.digest
            checkpoint = common_pb2.ObjectRef(digest=stored.digest, size=stored.size)
            self._say(pb.WorkerCheckpointed(checkpoint=checkpoint, **self._whose()))

    def _whose(self) -> dict[str, Any]:
        return {"job_id": self._order.job, "attempt": self._order.attempt}

    def _say(self, message: Message) -> None:
        self._bus.publish([make_event("training", self._order.job, message, "trainer-worker")])


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
        return TRY_AGAIN
    finally:
        bus.close()


if __name__ == "__main__":
    place = Path(os.environ.get("VOICEHUB_WORK", "/work")) / "training"
    raise SystemExit(main(load("trainer"), os.environ, place))
