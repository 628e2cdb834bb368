from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from sqlalchemy import select

from services.common import rpc
from services.common.charges import charges
from services.common.errors import Conflict, NotFound, Unauthenticated, Unprocessable, VoiceHubError, from_rpc
from services.common.runtime import open_house
from services.common.settings import load
from services.stubs.voicehub.catalog.v1.credits_pb2 import ReserveCreditsRequest, ReserveCreditsResponse
from services.stubs.voicehub.common.v1 import common_pb2
from services.stubs.voicehub.trainer.v1 import trainer_pb2 as pb
from services.trainer import service
from services.trainer.bootstrap import bootstrap
from services.trainer.cluster import Cluster
from services.trainer.tests.conftest import MIGRATIONS, Trainer, free_of_charge, running_trainer, until


def refusal(call: object, request: object) -> VoiceHubError:
    with pytest.raises(grpc.RpcError) as caught:
        call(request)  # type: ignore[operator]
    return from_rpc(caught.value)


def watch(trainer: Trainer, account: str, job_id: str, after: int = 0) -> list[pb.WatchJobResponse]:
    return list(trainer.stub(account).WatchJob(pb.WatchJobRequest(id=job_id, after_sequence=after), timeout=30))


def test_a_job_runs_to_its_version_and_tells_every_step(trainer: Trainer) -> None:
    job = trainer.stub("ana").CreateJob(trainer.request()).job
    seen = watch(trainer, "ana", job.id)
    assert [m.progress.message for m in seen if m.progress.step == "train"] == ["epoch 0", "epoch 1", "epoch 2"]
    assert [m.progress.sequence for m in seen[:-1]] == list(range(1, len(seen)))
    assert seen[-1].job.state == pb.JOB_STATE_SUCCEEDED
    assert seen[-1].job.version_id == "version-of-" + job.id
    assert seen[-1].job.report["seconds"] == 40.0
    assert trainer.published == [job.id]


def test_watching_again_continues_after_the_last_seen_step(trainer: Trainer) -> None:
    job = trainer.stub("ana").CreateJob(trainer.request()).job
    whole = watch(trainer, "ana", job.id)
    rest = watch(trainer, "ana", job.id, after=whole[1].progress.sequence)
    assert [m.progress.sequence for m in rest[:-1]] == [m.progress.sequence for m in whole[2:-1]]


def test_the_same_key_makes_one_job(trainer: Trainer) -> None:
    stub = trainer.stub("ana")
    first = stub.CreateJob(trainer.request(idempotency_key="k")).job
    assert stub.CreateJob(trainer.request(idempotency_key="k")).job.id == first.id
    assert len(stub.ListJobs(pb.ListJobsRequest()).jobs) == 1


def test_a_key_of_another_training_is_refused(trainer: Trainer) -> None:
    """It answered the earlier job, and nothing was trained."""
    stub = trainer.stub("ana")
    stub.CreateJob(trainer.request(idempotency_key="k"))
    other = refusal(stub.CreateJob, trainer.request(idempotency_key="k", name="another"))
    assert (type(other), other.reason) == (Unprocessable, "IDEMPOTENCY_KEY_REUSED")


def test_the_same_key_makes_one_job_also_when_it_comes_twice_at_once(tmp_path: Path) -> None:
    """As when a client gave up waiting and asks again: the second got an error of the database."""
    both = threading.Barrier(2)

    def reserve(request: ReserveCreditsRequest) -> ReserveCreditsResponse:
        both.wait(30)
        return free_of_charge(request)

    with running_trainer(tmp_path, reserve) as trainer, ThreadPoolExecutor(2) as pool:
        request, stub = trainer.request(idempotency_key="k"), trainer.stub("ana")
        asked = [pool.submit(stub.CreateJob, request) for _ in range(2)]
        assert len({one.result().job.id for one in asked}) == 1
        with trainer.runner._database.read() as session:
            assert len(session.execute(select(charges)).all()) <= 1, "what the second reserved went back"


def test_jobs_of_others_do_not_exist(trainer: Trainer) -> None:
    job = trainer.stub("ana").CreateJob(trainer.request()).job
    other = trainer.stub("bo")
    missing = refusal(other.GetJob, pb.GetJobRequest(id="0" * 32))
    hidden = refusal(other.GetJob, pb.GetJobRequest(id=job.id))
    assert isinstance(hidden, NotFound)
    assert (hidden.message, hidden.hint) == (missing.message, missing.hint)
    assert not other.ListJobs(pb.ListJobsRequest()).jobs


def test_a_visitor_without_account_cannot_train(trainer: Trainer) -> None:
    assert isinstance(refusal(trainer.stub("").CreateJob, trainer.request()), Unauthenticated)


def test_without_declaration_nothing_is_trained(trainer: Trainer) -> None:
    found = refusal(trainer.stub("ana").CreateJob, trainer.request(declaration=common_pb2.Declaration(source="me")))
    assert isinstance(found, Unprocessable)
    assert set(found.fields) == {"declaration.license", "declaration.consent"}
    assert found.hint


def test_a_language_the_base_does_not_speak_is_refused(trainer: Trainer) -> None:
    found = refusal(trainer.stub("ana").CreateJob, trainer.request(language="tlh"))
    assert found.reason == "LANGUAGE"


def test_a_base_that_is_not_registered_is_refused_also_when_such_an_object_was_uploaded(trainer: Trainer) -> None:
    uploaded, registered = trainer.recording.digest, "b" * 64
    (trainer.bases / registered).mkdir(parents=True)
    for base in (uploaded, "..", f"{registered}/..", "c" * 64):
        found = refusal(trainer.stub("ana").CreateJob, trainer.request(base=base))
        assert (found.reason, set(found.fields)) == ("NO_SUCH_BASE", {"base"}), base
    job = trainer.stub("ana").CreateJob(trainer.request(base=registered)).job
    assert watch(trainer, "ana", job.id)[-1].job.state == pb.JOB_STATE_SUCCEEDED


def test_where_jobs_cannot_begin_at_a_version_none_is_made_that_should(trainer: Trainer) -> None:
    wanted = trainer.request(base_version=pb.BaseVersion(owner="ana", name="reader"))
    assert isinstance(refusal(trainer.stub("ana").CreateJob, wanted), NotFound), "the control: it is looked for"
    trainer.runner.tunes_versions = Cluster.tunes_versions
    assert refusal(trainer.stub("ana").CreateJob, wanted).reason == "NOT_TUNABLE"
    assert not trainer.stub("ana").ListJobs(pb.ListJobsRequest()).jobs


def test_whoever_watches_takes_no_thread_from_other_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rpc, "WORKERS", 1)
    monkeypatch.setattr(service, "WATCHERS", 4)
    with running_trainer(tmp_path, free_of_charge) as trainer:
        (trainer.folder / "wait").touch()
        stub = trainer.stub("ana")
        job = stub.CreateJob(trainer.request()).job
        watching = pb.WatchJobRequest(id=job.id)
        streams = [stub.WatchJob(watching, timeout=30) for _ in range(4)]
        for stream in streams:
            next(stream)
        with pytest.raises(grpc.RpcError) as refused:
            next(stub.WatchJob(watching, timeout=30))
        assert from_rpc(refused.value).reason == "WATCHERS"
        assert stub.ListJobs(pb.ListJobsRequest(), timeout=10).jobs
        (trainer.folder / "wait").unlink()
        for stream in streams:
            assert list(stream)[-1].job.state == pb.JOB_STATE_SUCCEEDED
        assert watch(trainer, "ana", job.id), "their places are free again"


def test_the_trainer_has_a_thread_for_every_watcher(tmp_path: Path) -> None:
    environment = {f"VOICEHUB_{name}_ADDRESS": "localhost:1" for name in ("CATALOG", "INFERENCE")}
    house = open_house(load("trainer", {**environment, "VOICEHUB_DATA": str(tmp_path)}), MIGRATIONS)
    assert bootstrap(house).workers == rpc.WORKERS + service.WATCHERS


def test_cancel_then_resume_finishes_the_job(trainer: Trainer) -> None:
    wait = trainer.folder / "wait"
    wait.touch()
    stub = trainer.stub("ana")
    job = stub.CreateJob(trainer.request()).job
    stream = stub.WatchJob(pb.WatchJobRequest(id=job.id), timeout=30)
    next(m for m in stream if m.progress.message == "epoch 2")
    assert stub.CancelJob(pb.CancelJobRequest(id=job.id)).job.state == pb.JOB_STATE_CANCELLED
    wait.unlink()
    assert not trainer.published
    stub.ResumeJob(pb.ResumeJobRequest(id=job.id))
    assert watch(trainer, "ana", job.id)[-1].job.state == pb.JOB_STATE_SUCCEEDED
    assert (trainer.folder / f"{job.id}.starts").read_text() == "xx"
    assert not (trainer.folder / job.id).exists(), "nobody's recording stays where it was trained on"


def test_what_is_being_pushed_is_not_cancelled_any_more(trainer: Trainer) -> None:
    """Its credits came back, and the voice was published nevertheless."""
    hold = trainer.folder / "push"
    hold.touch()
    stub = trainer.stub("ana")
    job = stub.CreateJob(trainer.request()).job
    stream = stub.WatchJob(pb.WatchJobRequest(id=job.id), timeout=30)
    next(m for m in stream if m.progress.step == "push")
    late = refusal(stub.CancelJob, pb.CancelJobRequest(id=job.id))
    assert isinstance(late, Conflict)
    assert "too late" in late.message
    hold.unlink()
    assert watch(trainer, "ana", job.id)[-1].job.state == pb.JOB_STATE_SUCCEEDED


def test_a_voice_is_pushed_as_soon_as_the_catalog_is_there(trainer: Trainer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its training took hours, and nobody may have sat there to resume it."""
    monkeypatch.setattr("services.trainer.pushes.AWAY_SECONDS", 0.1)
    (trainer.folder / "away").touch()
    stub = trainer.stub("ana")
    job = stub.CreateJob(trainer.request()).job
    until((trainer.folder / "asked").exists)
    assert isinstance(refusal(stub.CancelJob, pb.CancelJobRequest(id=job.id)), Conflict)
    (trainer.folder / "away").unlink()
    assert watch(trainer, "ana", job.id)[-1].job.state == pb.JOB_STATE_SUCCEEDED
    assert trainer.published == [job.id]
    assert (trainer.folder / f"{job.id}.starts").read_text() == "x", "it was trained once"


def test_a_voice_that_waits_for_the_catalog_holds_up_no_other_training(
    trainer: Trainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One trained voice kept the only place of training for as long as the catalog was away."""
    monkeypatch.setattr("services.trainer.pushes.AWAY_SECONDS", 0.1)
    (trainer.folder / "away").touch()
    ana, bo = trainer.stub("ana"), trainer.stub("bo")
    first = ana.CreateJob(trainer.request()).job.id
    until((trainer.folder / "asked").exists)
    (trainer.folder / "wait").touch()
    second, third = (ana.CreateJob(trainer.request()).job.id for _ in range(2))
    until(lambda: "epoch 2" in ana.GetJob(pb.GetJobRequest(id=second)).job.progress.message)
    assert ana.CancelJob(pb.CancelJobRequest(id=second)).job.state == pb.JOB_STATE_CANCELLED
    (trainer.folder / "wait").unlink()
    until(lambda: ana.GetJob(pb.GetJobRequest(id=third)).job.progress.step == "push")
    fourth = bo.CreateJob(trainer.request()).job.id
    until(lambda: bo.GetJob(pb.GetJobRequest(id=fourth)).job.progress.step == "push")
    assert not trainer.published
    assert {(trainer.folder / one / "voice").is_dir() for one in (first, third, fourth)} == {True}
    (trainer.folder / "away").unlink()
    for account, job in (("ana", first), ("ana", third), ("bo", fourth)):
        assert watch(trainer, account, job)[-1].job.state == pb.JOB_STATE_SUCCEEDED
    assert sorted(trainer.published) == sorted([first, third, fourth])
    assert trainer.published.index(first) < trainer.published.index(third), "versions of one voice keep their order"
    assert {(trainer.folder / f"{one}.starts").read_text() for one in (first, third, fourth)} == {"x"}


def test_a_trainer_told_to_end_while_the_catalog_is_away_goes_on_at_its_next_start(trainer: Trainer) -> None:
    (trainer.folder / "away").touch()
    job = trainer.stub("ana").CreateJob(trainer.request()).job
    until((trainer.folder / "asked").exists)
    trainer.runner.stop()
    (trainer.folder / "away").unlink()
    again = trainer.another()
    again.start()
    assert watch(trainer, "ana", job.id)[-1].job.state == pb.JOB_STATE_SUCCEEDED
    again.stop()


def test_a_job_that_is_resumed_after_its_push_has_failed_is_not_being_pushed(trainer: Trainer) -> None:
    (trainer.folder / "refuse").touch()
    stub = trainer.stub("ana")
    job = stub.CreateJob(trainer.request()).job
    ended = watch(trainer, "ana", job.id)[-1].job
    assert (ended.state, ended.progress.step) == (pb.JOB_STATE_FAILED, "push")
    (trainer.folder / "wait").touch()
    assert stub.ResumeJob(pb.ResumeJobRequest(id=job.id)).job.progress.message == "queued again"
    assert stub.CancelJob(pb.CancelJobRequest(id=job.id)).job.state == pb.JOB_STATE_CANCELLED


def test_what_a_killed_trainer_left_of_an_ended_job_goes_at_the_next_start(trainer: Trainer) -> None:
    job = trainer.stub("ana").CreateJob(trainer.request()).job
    assert watch(trainer, "ana", job.id)[-1].job.state == pb.JOB_STATE_SUCCEEDED
    trainer.runner.stop()
    for name in (job.id, "another"):
        (trainer.folder / name).mkdir(exist_ok=True)
    again = trainer.another()
    again.start()
    again.stop()
    assert not (trainer.folder / job.id).exists()
    assert (trainer.folder / "another").exists(), "the control: nothing is known of it"


def test_a_failure_is_told_and_can_be_tried_again(trainer: Trainer) -> None:
    (trainer.folder / "fail").touch()
    stub = trainer.stub("ana")
    job = stub.CreateJob(trainer.request()).job
    ended = watch(trainer, "ana", job.id)[-1].job
    assert ended.state == pb.JOB_STATE_FAILED
    assert "asked to" in ended.failure
    (trainer.folder / "fail").unlink()
    stub.ResumeJob(pb.ResumeJobRequest(id=job.id))
    assert watch(trainer, "ana", job.id)[-1].job.state == pb.JOB_STATE_SUCCEEDED


def test_a_killed_worker_fails_the_job_with_what_to_do(trainer: Trainer) -> None:
    import os
    import signal

    (trainer.folder / "wait").touch()
    stub = trainer.stub("ana")
    job = stub.CreateJob(trainer.request()).job
    stream = stub.WatchJob(pb.WatchJobRequest(id=job.id), timeout=30)
    next(m for m in stream if m.progress.message == "epoch 2")
    worker = trainer.runner._worker
    assert worker is not None
    os.kill(worker[1].pid, signal.SIGKILL)
    ended = watch(trainer, "ana", job.id)[-1].job
    assert ended.state == pb.JOB_STATE_FAILED
    assert "SIGKILL" in ended.failure
    assert "Resume" in ended.failure
