"""Training jobs: one minute of speech in, a voice out."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

from werkzeug.wrappers import Response

from services.gateway.clients import SLOW_SECONDS, ask
from services.gateway.domain.credentials import REPOSITORY_PATTERN, Scope
from services.gateway.rest.events import LONGEST_SECONDS, Message, heard, sequence_of, stream
from services.gateway.rest.messages import to_json, to_struct
from services.gateway.rest.route import Answer, Call, Parameter, Reply, Resource
from services.gateway.rest.schema import FREE_OBJECT, page_of, record, reference, text
from services.gateway.routes.shared import DECLARATION, PAGE, UPLOAD_ID, complete_upload, declaration, object_of, page
from services.stubs.voicehub.trainer.v1 import trainer_pb2 as trainer

resource = Resource("training")
_JOB = trainer.Job.DESCRIPTOR
_ONE = reference(_JOB)
_PATH = "/v1/training-jobs/{job}"
_BOOL = {"type": "boolean"}
_NEW = record(
    {
        "name": text(64, pattern=REPOSITORY_PATTERN, note="Of the repository the voice goes to."),
        "upload": UPLOAD_ID,
        "transcript": text(20_000, least=0, note="What is said in the recording."),
        "language": text(35, pattern="^[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*$", note="BCP 47."),
        "declaration": DECLARATION,
    },
    {
        "card": {**FREE_OBJECT, "description": "What the creator says: age, gender, persona, emotions, styles."},
        "private": _BOOL,
        "quick": {**_BOOL, "description": "Shorter fine-tune and evaluation."},
        "base": text(64, pattern="^[0-9a-f]{64}$", note="Digest of a registered base."),
        "base_version": record(
            {"owner": text(64), "name": text(64)}, {"ref": text(64, note="A ref or an id; `main` if not said.")}
        ),
    },
)
LAST = Parameter("Last-Event-ID", text(32, least=0), place="header", note="Events after this one.")


@resource.route(
    "POST", "/v1/training-jobs", "Train a voice", Answer(202, _ONE), body=_NEW, scope=Scope.WRITE, messages=(_JOB,)
)
def create_training_job(call: Call) -> Reply:
    """Checks the recording first: what is not fit is refused with what to do about it."""
    upload = complete_upload(call, call.body["upload"], "upload")
    request = trainer.CreateJobRequest(
        owner=call.account,
        name=call.body["name"],
        recording=object_of(upload),
        filename=upload.filename,
        transcript=call.body["transcript"],
        language=call.body["language"],
        declaration=declaration(call.body),
        card=to_struct(call.body.get("card", {}), "card"),
        private=call.body.get("private", False),
        quick=call.body.get("quick", False),
        base=call.body.get("base", ""),
        idempotency_key=call.key,
    )
    if based := call.body.get("base_version"):
        request.base_version.CopyFrom(trainer.BaseVersion(**based))
    job = ask(call.hub.clients.trainer.CreateJob, request, SLOW_SECONDS).job
    return Reply(to_json(job), {"Location": f"/v1/training-jobs/{job.id}"})


@resource.route("GET", "/v1/training-jobs", "List jobs", Answer(200, page_of(_ONE)), scope=Scope.READ, parameters=PAGE)
def list_training_jobs(call: Call) -> Reply:
    """The caller's jobs, newest first."""
    found = ask(call.hub.clients.trainer.ListJobs, trainer.ListJobsRequest(page=page(call)))
    return Reply({"items": [to_json(job) for job in found.jobs], "next_cursor": found.next_cursor})


@resource.route("GET", _PATH, "Look at a job", Answer(200, _ONE), scope=Scope.READ)
def get_training_job(call: Call, job: str) -> Reply:
    """State, latest progress, and at the end the report."""
    return Reply(to_json(ask(call.hub.clients.trainer.GetJob, trainer.GetJobRequest(id=job)).job))


@resource.route("POST", _PATH + "/cancel", "Cancel a job", Answer(200, _ONE), scope=Scope.WRITE)
def cancel_training_job(call: Call, job: str) -> Reply:
    """Stops at the end of the step under way; it can be resumed."""
    return Reply(to_json(ask(call.hub.clients.trainer.CancelJob, trainer.CancelJobRequest(id=job)).job))


@resource.route("POST", _PATH + "/resume", "Resume a job", Answer(200, _ONE), scope=Scope.WRITE)
def resume_training_job(call: Call, job: str) -> Reply:
    """Goes on from the last checkpoint."""
    return Reply(to_json(ask(call.hub.clients.trainer.ResumeJob, trainer.ResumeJobRequest(id=job)).job))


@resource.route(
    "GET",
    _PATH + "/events",
    "Follow a job",
    Answer(200, media="text/event-stream"),
    scope=Scope.READ,
    parameters=(LAST,),
)
def watch_training_job(call: Call, job: str) -> Response:
    """Server-sent events `progress` with `{job, progress}`; connect again with `Last-Event-ID` to miss none."""
    ask(call.hub.clients.trainer.GetJob, trainer.GetJobRequest(id=job))  # a wrong id is a 404, not an empty stream
    after = sequence_of(call.query.get("Last-Event-ID", ""))
    request = trainer.WatchJobRequest(id=job, after_sequence=after)
    watched = call.hub.clients.trainer.WatchJob(request, timeout=LONGEST_SECONDS)
    return stream(lambda stop: _progress(watched, stop), call.hub.limits.events, call.visitor, watched.cancel)


def _progress(watched: Any, stop: threading.Event) -> Iterator[Message]:
    for event in heard(watched, stop):
        yield Message("progress", str(event.progress.sequence), to_json(event))
