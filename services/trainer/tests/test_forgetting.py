"""An account is erased: its training ends, and neither job nor folder is left; those of others stay."""

from __future__ import annotations

import grpc
import pytest

from services.common.events import make_event
from services.stubs.voicehub.gateway.v1.gateway_pb2 import AccountErased
from services.stubs.voicehub.trainer.v1 import trainer_pb2 as pb
from services.trainer import forgetting
from services.trainer.tests.conftest import Trainer, until


def erased(trainer: Trainer, account: str) -> None:
    """The event, handled as the subscription does, twice."""
    fact = AccountErased(account=account, pseudonym="~removed-0123")
    (handler,) = forgetting.subscription(trainer.runner._database, trainer.runner).handlers.values()
    for _ in range(2):
        effect = handler(make_event("community", account, fact, "gateway"))
        assert effect is not None
        with trainer.runner._database.write() as session:
            effect(session)


def test_nothing_of_an_erased_account_is_trained_or_kept(trainer: Trainer) -> None:
    jobs = trainer.folder
    (jobs / "wait").touch()
    running = trainer.stub("ann").CreateJob(trainer.request()).job.id
    until((jobs / f"{running}.starts").exists)
    queued = trainer.stub("ann").CreateJob(trainer.request()).job.id
    other = trainer.stub("bob").CreateJob(trainer.request()).job.id
    erased(trainer, "ann")
    until(lambda: not (jobs / running).exists())
    for job in (running, queued):
        with pytest.raises(grpc.RpcError):
            trainer.stub("ann").GetJob(pb.GetJobRequest(id=job))
    assert not (jobs / queued).exists()
    (jobs / "wait").unlink()
    done = trainer.stub("bob").GetJob
    until(lambda: done(pb.GetJobRequest(id=other)).job.state == pb.JOB_STATE_SUCCEEDED)
    assert trainer.published == [other]


def test_who_watches_a_job_that_is_erased_before_the_next_look_is_let_go(trainer: Trainer) -> None:
    """The last that was seen of it was no end, and none could come: the stream kept its place for ever."""
    (trainer.folder / "wait").touch()
    stub = trainer.stub("ann")
    job = stub.CreateJob(trainer.request()).job.id
    stream = stub.WatchJob(pb.WatchJobRequest(id=job), timeout=20)
    next(stream)
    with trainer.runner._database.write() as session:
        forgetting._forget(session, "ann", "~removed-0123")
    trainer.runner.forget(job)
    with pytest.raises(grpc.RpcError) as caught:
        list(stream)
    assert caught.value.code() == grpc.StatusCode.NOT_FOUND


def test_a_voice_of_an_erased_account_that_waits_for_the_catalog_is_not_pushed(
    trainer: Trainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.trainer.pushes.AWAY_SECONDS", 0.1)
    (trainer.folder / "away").touch()
    job = trainer.stub("ann").CreateJob(trainer.request()).job.id
    until((trainer.folder / "asked").exists)
    erased(trainer, "ann")
    until(lambda: not trainer.runner._pushes.jobs())
    (trainer.folder / "away").unlink()
    other = trainer.stub("bob").CreateJob(trainer.request()).job.id
    until(lambda: trainer.published == [other])
    assert not (trainer.folder / job).exists()


def test_a_worker_that_does_not_end_when_it_is_told_to_holds_up_no_erasure(
    trainer: Trainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The event was parked, and the folders of the account's other trainings stayed."""
    monkeypatch.setattr("services.trainer.runner.PATIENCE_SECONDS", 0.5)
    jobs = trainer.folder
    for name in ("wait", "deaf"):
        (jobs / name).touch()
    running = trainer.stub("ann").CreateJob(trainer.request()).job.id
    until((jobs / f"{running}.starts").exists)
    queued = trainer.stub("ann").CreateJob(trainer.request()).job.id
    (jobs / queued).mkdir()  # as of one that was cancelled and resumed
    (jobs / "deaf").unlink()
    erased(trainer, "ann")
    assert not (jobs / running).exists()
    assert not (jobs / queued).exists()
    (jobs / "wait").unlink()
    other = trainer.stub("bob").CreateJob(trainer.request()).job.id
    until(lambda: trainer.published == [other])
