"""Training is paid by a real ledger: reserved when a job is made, paid when it has succeeded, given back otherwise."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest

from services.common import rpc
from services.common.identity import Identity, Signer, ensure_keys
from services.common.objects import open_store
from services.common.structs import to_struct
from services.stubs.voicehub.catalog.v1.credits_pb2 import GetCreditsRequest
from services.stubs.voicehub.catalog.v1.credits_pb2_grpc import CreditServiceStub
from services.stubs.voicehub.common.v1.common_pb2 import Declaration
from services.stubs.voicehub.trainer.v1 import trainer_pb2 as pb
from services.trainer.publisher import Publisher
from services.trainer.tests.conftest import Trainer, free_address, running_trainer
from services.trainer.tests.test_service import refusal, watch


@dataclass
class Ledger:
    """A catalog as a process, with 150 credits for everybody."""

    address: str
    keys: Path

    def credits(self, account: str) -> tuple[int, int]:
        """What the account can spend, and what it has reserved."""
        signer = Signer(self.keys, "gateway")
        with rpc.make_channel(self.address, lambda: signer.sign(Identity(account))) as channel:
            found = CreditServiceStub(channel).GetCredits(GetCreditsRequest()).credits
        return found.balance, found.reserved

    def settled(self, account: str) -> int:
        """What the account can spend once nothing is reserved."""
        look = threading.Event()
        for _ in range(600):
            free, reserved = self.credits(account)
            if not reserved:
                return free
            look.wait(0.05)
        raise TimeoutError("still reserved")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    for service in ("gateway", "trainer"):
        ensure_keys(tmp_path / "keys", service)
    address = free_address()
    environment = {
        **os.environ, "VOICEHUB_DATA": str(tmp_path), "VOICEHUB_CATALOG_ADDRESS": address,
        "VOICEHUB_CREDITS_START": "150",
    }  # fmt: skip
    with (tmp_path / "catalog.log").open("w") as log:
        process = subprocess.Popen([sys.executable, "-m", "services.catalog"], env=environment, stderr=log)
    try:
        with grpc.insecure_channel(address) as channel:
            grpc.channel_ready_future(channel).result(timeout=180)
        yield Ledger(address, tmp_path / "keys")
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def charged(ledger: Ledger, tmp_path: Path) -> Iterator[Trainer]:
    signer = Signer(ledger.keys, "trainer")
    publisher = Publisher(ledger.address, signer, open_store(f"file://{tmp_path / 'objects'}"))
    with (
        rpc.make_channel(ledger.address, signer.own) as channel,
        running_trainer(tmp_path, CreditServiceStub(channel).ReserveCredits, publisher.check) as running,
    ):
        yield running


def test_success_is_paid_failure_is_not_and_nobody_trains_on_credit(ledger: Ledger, charged: Trainer) -> None:
    stub = charged.stub("ana")
    (charged.folder / "fail").touch()
    failed = stub.CreateJob(charged.request()).job
    assert ledger.credits("ana")[1] in (100, 0)
    watch(charged, "ana", failed.id)
    assert ledger.settled("ana") == 150
    (charged.folder / "fail").unlink()
    stub.ResumeJob(pb.ResumeJobRequest(id=failed.id))
    assert watch(charged, "ana", failed.id)[-1].job.state == pb.JOB_STATE_SUCCEEDED
    assert ledger.settled("ana") == 50
    refused = refusal(stub.CreateJob, charged.request(name="another"))
    assert refused.reason == "TOO_FEW_CREDITS"
    assert len(stub.ListJobs(pb.ListJobsRequest()).jobs) == 1


def test_a_cancelled_job_gives_its_credits_back(ledger: Ledger, charged: Trainer) -> None:
    (charged.folder / "wait").touch()
    stub = charged.stub("bo")
    job = stub.CreateJob(charged.request()).job
    assert ledger.credits("bo") == (50, 100)
    stub.CancelJob(pb.CancelJobRequest(id=job.id))
    (charged.folder / "wait").unlink()
    assert ledger.settled("bo") == 150


def test_what_the_catalog_would_refuse_is_not_trained_first(ledger: Ledger, charged: Trainer) -> None:
    """The job failed at its push, hours later, and no resume could mend it."""
    stub, unknown = charged.stub("ana"), Declaration(source="self-recorded", license="CC BY", consent="self")
    refused: dict[str, dict[str, object]] = {
        "CARD_REFUSED": {"card": to_struct({"gender": "robot"})},
        "DECLARATION_REFUSED": {"declaration": unknown},
        "BAD_NAME": {"name": "a..b"},
    }
    for reason, changes in refused.items():
        assert refusal(stub.CreateJob, charged.request(**changes)).reason == reason
    assert ledger.credits("ana") == (150, 0)
    fit = charged.request(card=to_struct({"gender": "female", "styles": ["narrative"], "unknown": 1}))
    job = stub.CreateJob(fit).job
    assert watch(charged, "ana", job.id)[-1].job.state == pb.JOB_STATE_SUCCEEDED
