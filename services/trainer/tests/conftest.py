"""A trainer on loopback with real engines: SQLite, the folder store, signed identities, a worker process."""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
import soundfile

from gptsovits.pipeline.tests.speech import RATE, speech_like
from services.common import rpc
from services.common.charges import Ask, Charges
from services.common.errors import NotFound, Unanswered
from services.common.identity import Identity, Signer, Verifier, ensure_keys
from services.common.objects import Area
from services.common.outbox import Relay
from services.common.runtime import open_house
from services.common.settings import load
from services.stubs.voicehub.catalog.v1.catalog_pb2 import Version
from services.stubs.voicehub.catalog.v1.credits_pb2 import ReserveCreditsRequest, ReserveCreditsResponse
from services.stubs.voicehub.common.v1 import common_pb2
from services.stubs.voicehub.trainer.v1 import trainer_pb2 as pb
from services.stubs.voicehub.trainer.v1 import trainer_pb2_grpc
from services.trainer import service
from services.trainer.domain.jobs import Job
from services.trainer.runner import Runner
from services.trainer.service import CheckPush, TrainerService

MIGRATIONS = Path(__file__).parent.parent / "migrations"
# A worker that counts to three, one step a line read from the file `go` beside its folder; `fail` makes it fail, `deaf`
# deaf to being told to end.
WORKER = """
import json, pathlib, signal, sys, time
folder = pathlib.Path(sys.argv[1])
if (folder.parent / "deaf").exists(): signal.signal(signal.SIGTERM, signal.SIG_IGN)
def say(**line): print(json.dumps(line), flush=True)
with folder.with_suffix(".starts").open("a") as file: file.write("x")
for epoch in range(3):
    say(step="train", fraction=(epoch + 1) / 3, message=f"epoch {epoch}", figures={"loss": 1.0 / (epoch + 1)})
while (folder.parent / "wait").exists(): time.sleep(0.02)
if (folder.parent / "fail").exists():
    say(failure="Training failed: asked to."); raise SystemExit(1)
(folder / "voice").mkdir(exist_ok=True)
say(report={"seconds": 40.0})
"""


def free_address() -> str:
    """A loopback address nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def until(look: Callable[[], bool]) -> None:
    """Waits until it is so; TimeoutError after half a minute."""
    pause = threading.Event()
    for _ in range(600):
        if look():
            return
        pause.wait(0.05)
    raise TimeoutError("it did not happen")


@dataclass
class Trainer:
    """The running service and ways to call it."""

    address: str
    keys: Path
    folder: Path
    bases: Path
    runner: Runner
    recording: common_pb2.ObjectRef
    published: list[str]
    another: Callable[[], Runner]
    """A runner as this one's process would have after a new start."""

    def stub(self, account: str) -> trainer_pb2_grpc.TrainerServiceStub:
        """A stub that calls as `account`."""
        signer = Signer(self.keys, "gateway")
        return trainer_pb2_grpc.TrainerServiceStub(
            rpc.make_channel(self.address, lambda: signer.sign(Identity(account)))
        )

    def request(self, **changes: object) -> pb.CreateJobRequest:
        """A request that is accepted, but for the changes."""
        values: dict[str, object] = {
            "name": "reader",
            "recording": self.recording,
            "filename": "speech.wav",
            "transcript": " ".join(["word"] * 90),
            "language": "en",
            "declaration": common_pb2.Declaration(source="self-recorded", license="CC-BY-4.0", consent="self"),
        }
        return pb.CreateJobRequest(**{**values, **changes})  # type: ignore[arg-type]


def free_of_charge(request: ReserveCreditsRequest) -> ReserveCreditsResponse:
    """As a ledger answers that charges for nothing."""
    return ReserveCreditsResponse()


def no_version(account: str | None, owner: str, name: str, ref: str) -> Version:
    """As a catalog without any repository answers."""
    raise NotFound(f"There is no repository {owner}/{name}.")


@pytest.fixture
def trainer(tmp_path: Path) -> Iterator[Trainer]:
    with running_trainer(tmp_path, free_of_charge) as running:
        yield running


@contextmanager
def running_trainer(tmp_path: Path, reserve: Ask, check_push: CheckPush = lambda job: None) -> Iterator[Trainer]:
    """The service over data in a folder; its events are relayed to the bus there."""
    keys = tmp_path / "keys"
    for name in ("gateway", "trainer"):
        ensure_keys(keys, name)
    address = free_address()
    environment = {"VOICEHUB_DATA": str(tmp_path), "VOICEHUB_TRAINER_ADDRESS": address}
    house = open_house(load("trainer", environment), MIGRATIONS)
    wave = tmp_path / "speech.wav"
    soundfile.write(wave, speech_like(40), RATE)
    info = house.objects.put(Area.QUARANTINE, [wave.read_bytes()])
    published: list[str] = []

    def publish(job: Job, voice: Path) -> str:
        while (jobs / "push").exists():
            time.sleep(0.02)
        if (jobs / "refuse").exists():
            raise NotFound("No such owner.")
        if (jobs / "away").exists():
            (jobs / "asked").touch()
            raise Unanswered("A part of the hub does not answer.")
        published.append(job.id)
        return "version-of-" + job.id

    script = tmp_path / "worker.py"
    script.write_text(WORKER)
    jobs = tmp_path / "training"
    jobs.mkdir()
    bases, command = tmp_path / "bases", (sys.executable, str(script))
    another = partial(Runner, house.database, house.objects, jobs, bases, publish, command)
    runner = another()
    charges = Charges(house.database, reserve, "training", "trainer")
    servicer = TrainerService(house.database, house.objects, runner, charges, no_version, bases, check_push)
    server = rpc.make_server(
        address,
        Verifier(keys),
        lambda s: trainer_pb2_grpc.add_TrainerServiceServicer_to_server(servicer, s),
        [pb.DESCRIPTOR.services_by_name["TrainerService"].full_name],
        workers=rpc.WORKERS + service.WATCHERS,
    )
    relay = Relay(house.database, house.bus)
    relay.start()
    runner.start()
    yield Trainer(
        address,
        keys,
        jobs,
        bases,
        runner,
        common_pb2.ObjectRef(digest=info.digest, size=info.size),
        published,
        another,
    )
    for held in ("wait", "push"):
        (jobs / held).unlink(missing_ok=True)
    server.stop(None).wait()
    runner.stop()
    relay.stop()
