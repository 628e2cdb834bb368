"""The gRPC surface of the trainer."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import grpc
from google.protobuf.json_format import MessageToDict

from gptsovits.pipeline.check import check
from gptsovits.pipeline.decode import decode
from gptsovits.pipeline.refusal import RecordingRefused
from services.common import outbox
from services.common.charges import Charges, bind, close
from services.common.clock import now
from services.common.database import Database
from services.common.errors import Conflict, Invalid, NotFound, Unauthenticated, Unavailable, Unprocessable, key_reused
from services.common.events import make_event
from services.common.ids import new_id
from services.common.objects import Area, ObjectStore, is_digest
from services.common.objects.port import chunks_of
from services.common.rpc import caller
from services.stubs.voicehub.catalog.v1.catalog_pb2 import Version
from services.stubs.voicehub.trainer.v1 import trainer_pb2 as pb
from services.stubs.voicehub.trainer.v1 import trainer_pb2_grpc
from services.trainer import store
from services.trainer.based import manifest
from services.trainer.clips import speaker_of
from services.trainer.domain.jobs import Job, State, move
from services.trainer.messages import to_message, to_progress
from services.trainer.port import Training

PAGE = 50
WATCHERS = 96
"""Threads for whoever watches a job: as many as six gateways let in, which is the most that the chart makes of them."""
PURPOSE = "training"
ASKED = ("owner", "name", "recording", "transcript", "language", "declaration", "card", "private", "quick")
LANGUAGES = ("en",)


FindVersion = Callable[[str | None, str, str, str], Version]
"""The version that owner, name and ref mean for an account; NotFound."""
CheckPush = Callable[[Job], None]
"""Raises what the catalog would refuse the voice of a job for."""


class TrainerService(trainer_pb2_grpc.TrainerServiceServicer):
    """Jobs belong to the account that made them; others do not see them."""

    def __init__(
        self,
        database: Database,
        objects: ObjectStore,
        runner: Training,
        charges: Charges,
        find: FindVersion,
        bases: Path,
        check_push: CheckPush,
    ) -> None:
        self._database, self._objects, self._runner, self._charges = database, objects, runner, charges
        self._find, self._bases, self._check_push = find, bases, check_push
        self._places = threading.BoundedSemaphore(WATCHERS)

    def CreateJob(self, request: pb.CreateJobRequest, context: grpc.ServicerContext) -> pb.CreateJobResponse:  # noqa: N802
        """Checks the recording and queues a job."""
        account = _account()
        if request.idempotency_key:
            with self._database.read() as session:
                known = store.find_by_key(session, account, request.idempotency_key)
            if known:
                return pb.CreateJobResponse(job=to_message(_same(known, _new_job(request, account))))
        _check_request(request, account)
        self._check_base(request)
        seconds = self._check_recording(request)
        job = _new_job(request, account)
        self._check_push(job)
        if request.HasField("base_version"):
            wanted = request.base_version
            version = self._find(account, wanted.owner, wanted.name, wanted.ref)
            job = replace(job, base=manifest(self._objects, version))
        accepted = pb.RecordingAccepted(job_id=job.id, recording=request.recording, seconds=seconds)
        reservation = self._charges.reserve(account, PURPOSE, 1)
        with self._database.write() as session:
            made = store.find_by_key(session, account, request.idempotency_key) if request.idempotency_key else None
            if made:  # by the same request, meanwhile: what was reserved for this one goes back
                bind(session, reservation, job.id)
                close(session, job.id, 0)
                return pb.CreateJobResponse(job=to_message(_same(made, job)))
            store.add(session, job, request.idempotency_key)
            bind(session, reservation, job.id)
            store.add_step(session, job.id, "check", 0.0, "queued", {"seconds": seconds})
            outbox.record(session, make_event("recordings", job.id, accepted, "trainer"))
            outbox.record(session, make_event("training", job.id, pb.TrainingRequested(job_id=job.id), "trainer"))
        self._runner.wake()
        return pb.CreateJobResponse(job=to_message(job))

    def GetJob(self, request: pb.GetJobRequest, context: grpc.ServicerContext) -> pb.GetJobResponse:  # noqa: N802
        """One job."""
        return pb.GetJobResponse(job=to_message(self._own(request.id)))

    def ListJobs(self, request: pb.ListJobsRequest, context: grpc.ServicerContext) -> pb.ListJobsResponse:  # noqa: N802
        """The caller's jobs, newest first."""
        size = min(request.page.size or PAGE, PAGE)
        with self._database.read() as session:
            found = store.page(session, _account(), request.page.cursor, size + 1)
        cursor = found[size - 1].id if len(found) > size else ""
        return pb.ListJobsResponse(jobs=[to_message(job) for job in found[:size]], next_cursor=cursor)

    def CancelJob(self, request: pb.CancelJobRequest, context: grpc.ServicerContext) -> pb.CancelJobResponse:  # noqa: N802
        """Stops a job that is not being pushed yet; what it has trained so far is kept for a resume."""
        job = self._own(request.id)
        with self._database.write() as session:
            current = store.find(session, job.id)
            if current is not None and current.being_pushed:
                raise Conflict(
                    "The voice is trained and on its way into the hub; it is too late to cancel.",
                    hint="Wait until it is there, and take the version down if you do not want it.",
                    reason="JOB_STATE",
                )
            store.set_state(session, job.id, State.CANCELLED)
            close(session, job.id, 0)
        self._runner.cancel(job.id)
        return pb.CancelJobResponse(job=to_message(self._own(job.id)))

    def ResumeJob(self, request: pb.ResumeJobRequest, context: grpc.ServicerContext) -> pb.ResumeJobResponse:  # noqa: N802
        """Queues a cancelled or failed job again; it continues from its last finished epoch."""
        job = self._own(request.id)
        move(job.state, State.QUEUED)
        reservation = self._charges.reserve(job.account, PURPOSE, 1)
        with self._database.write() as session:
            store.set_state(session, job.id, State.QUEUED, failure="")
            bind(session, reservation, job.id)
            store.add_step(session, job.id, "check", 0.0, "queued again", {})  # whatever it was at before
            outbox.record(session, make_event("training", job.id, pb.TrainingRequested(job_id=job.id), "trainer"))
        self._runner.wake()
        return pb.ResumeJobResponse(job=to_message(self._own(job.id)))

    def WatchJob(self, request: pb.WatchJobRequest, context: grpc.ServicerContext) -> Iterator[pb.WatchJobResponse]:  # noqa: N802
        """Progress as it comes, until the job has ended. Who watches takes no thread from other calls."""
        job = self._own(request.id)
        if not self._places.acquire(blocking=False):
            raise Unavailable(
                "Too many people watch trainings at this moment.",
                hint="Look at the job itself, or watch again in a minute.",
                reason="WATCHERS",
                retry_seconds=60.0,
            )
        try:
            yield from self._watch(job, request.after_sequence, context)
        finally:
            self._places.release()

    def _watch(self, job: Job, sequence: int, context: grpc.ServicerContext) -> Iterator[pb.WatchJobResponse]:
        while context.is_active():
            seen = self._runner.generation()
            with self._database.read() as session:
                steps = store.steps_after(session, job.id, sequence)
                found = store.find(session, job.id)
            if found is None:  # its account was erased: nothing would ever end it
                raise _no_such_job()
            job = found
            for step in steps:
                sequence = step.sequence
                yield pb.WatchJobResponse(job=to_message(job), progress=to_progress(step))
            if job.state.ended:
                yield pb.WatchJobResponse(job=to_message(job))
                return
            self._runner.wait_for_news(seen, timeout=5.0)

    def EmbedSpeech(self, request: pb.EmbedSpeechRequest, context: grpc.ServicerContext) -> pb.EmbedSpeechResponse:  # noqa: N802
        """Who speaks in a clip. Nothing of it is kept."""
        _account()
        found = speaker_of(request.clip)
        return pb.EmbedSpeechResponse(embedding=found.embedding, seconds=found.seconds)

    def _own(self, job_id: str) -> Job:
        account = _account()
        with self._database.read() as session:
            job = store.find(session, job_id)
        if job is None or job.account != account:
            raise _no_such_job()
        return job

    def _check_base(self, request: pb.CreateJobRequest) -> None:
        """Either a version or a base that is registered; what somebody has uploaded is neither."""
        if request.HasField("base_version"):
            if not self._runner.tunes_versions:
                raise Unprocessable(
                    "This hub trains in a cluster, where a job cannot begin at a version.",
                    hint="Leave base_version out, or train on a hub of one machine.",
                    reason="NOT_TUNABLE",
                    fields={"base_version": "not on this hub"},
                )
        elif request.base and not (is_digest(request.base) and (self._bases / request.base).is_dir()):
            raise Unprocessable(
                "This hub has no such base.",
                hint="Use the digest of one that GET /v1/bases lists, or leave it out; base_version names a version.",
                reason="NO_SUCH_BASE",
                fields={"base": "digest of a registered base"},
            )

    def _check_recording(self, request: pb.CreateJobRequest) -> float:
        try:
            source = self._objects.open(Area.QUARANTINE, request.recording.digest)
        except KeyError:
            raise Invalid("The recording was not uploaded.", hint="Upload it, then name its upload id.") from None
        with source, tempfile.NamedTemporaryFile() as file:
            for chunk in chunks_of(source):
                file.write(chunk)
            file.flush()
            try:
                return check(decode(Path(file.name)), request.transcript).seconds
            except RecordingRefused as refusal:
                reason = refusal.reason.upper().replace("-", "_")
                raise Unprocessable(refusal.message, hint=refusal.hint, reason=reason) from None


def _no_such_job() -> NotFound:
    return NotFound("There is no such training job.", hint="List your jobs to see their ids.")


def _account() -> str:
    account = caller().account
    if not account:
        raise Unauthenticated("Training needs an account.", hint="Log in first.")
    return account


def _check_request(request: pb.CreateJobRequest, account: str) -> None:
    if request.owner not in ("", account):
        raise NotFound(f"There is no owner {request.owner!r} you could train for.", hint="Use your own account name.")
    missing = {
        f"declaration.{name}": "required"
        for name in ("source", "license", "consent")
        if not getattr(request.declaration, name)
    }
    if missing:
        raise Unprocessable(
            "A voice needs a declaration of source, licence and consent.",
            hint="Say where the recording comes from, under which licence, and that the speaker agreed.",
            reason="DECLARATION_MISSING",
            fields=missing,
        )
    if request.language not in LANGUAGES:
        raise Unprocessable(
            f"The installed base does not speak {request.language!r}.",
            hint=f"Use one of: {', '.join(LANGUAGES)}; or add a base that speaks it (voicehub-admin base add PATH).",
            reason="LANGUAGE",
            fields={"language": f"one of {', '.join(LANGUAGES)}"},
        )


def _same(made: Job, asked: Job) -> Job:
    """The job that a key made before; Unprocessable if another one is asked for with it."""
    if any(getattr(made, name) != getattr(asked, name) for name in ASKED):
        raise key_reused()
    return made


def _new_job(request: pb.CreateJobRequest, account: str) -> Job:
    declaration = request.declaration
    return Job(
        id=new_id(),
        account=account,
        owner=request.owner or account,
        name=request.name,
        state=State.QUEUED,
        recording=request.recording.digest,
        recording_size=request.recording.size,
        filename=request.filename,
        transcript=request.transcript,
        language=request.language,
        declaration={name: getattr(declaration, name) for name in ("source", "license", "consent")},
        card=MessageToDict(request.card),
        private=request.private,
        quick=request.quick,
        base=request.base,
        create_time=now(),
    )
