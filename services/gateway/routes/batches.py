"""Batches of speech: a list of lines by some voices, to one zip."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

from werkzeug.wrappers import Response

from services.gateway.clients import QUICK_SECONDS, SLOW_SECONDS, ask
from services.gateway.domain.credentials import Scope
from services.gateway.rest.events import LONGEST_SECONDS, Message, heard, sequence_of, stream
from services.gateway.rest.messages import to_json
from services.gateway.rest.route import Answer, Call, Parameter, Reply, Resource
from services.gateway.rest.schema import choice, page_of, reference
from services.gateway.routes.batch_plans import PLAN, check_voices, plan_of
from services.gateway.routes.downloads import RANGES, send
from services.gateway.routes.shared import PAGE, page
from services.gateway.routes.training import LAST
from services.stubs.voicehub.inference.v1 import batch_pb2 as batches

resource = Resource("batches")
_BATCH = batches.Batch.DESCRIPTOR
_ONE = reference(_BATCH)
_TAKE = batches.Take.DESCRIPTOR
_ESTIMATE = batches.EstimateBatchResponse.DESCRIPTOR
_PATH = "/v1/batches/{batch}"
_STATES = ("waiting", "done", "failed")
_STATE = Parameter("state", choice(*_STATES), note="Only such takes.")


@resource.route(
    "POST",
    "/v1/batch-estimates",
    "What a batch would cost",
    Answer(200, reference(_ESTIMATE)),
    body=PLAN,
    scope=Scope.WRITE,
    repeatable=True,
    messages=(_ESTIMATE,),
)
def create_batch_estimate(call: Call) -> Reply:
    """Audio and machine seconds from the measured speed of each voice, and the takes that would be refused."""
    request = batches.EstimateBatchRequest(plan=plan_of(call))
    return Reply(to_json(ask(call.hub.clients.batches.EstimateBatch, request, SLOW_SECONDS)))


@resource.route(
    "POST", "/v1/batches", "Speak a list", Answer(202, _ONE), body=PLAN, scope=Scope.WRITE, messages=(_BATCH,)
)
def create_batch(call: Call) -> Reply:
    """Refs are resolved once. A list that cannot be read is refused with the place."""
    request = batches.CreateBatchRequest(plan=plan_of(call), idempotency_key=call.key)
    made = ask(call.hub.clients.batches.CreateBatch, request, SLOW_SECONDS).batch
    return Reply(to_json(made), {"Location": f"/v1/batches/{made.id}"})


@resource.route("GET", "/v1/batches", "List batches", Answer(200, page_of(_ONE)), scope=Scope.READ, parameters=PAGE)
def list_batches(call: Call) -> Reply:
    """The caller's batches, newest first."""
    found = ask(call.hub.clients.batches.ListBatches, batches.ListBatchesRequest(page=page(call)))
    return Reply({"items": [to_json(batch) for batch in found.batches], "next_cursor": found.next_cursor})


@resource.route("GET", _PATH, "Look at a batch", Answer(200, _ONE), scope=Scope.READ)
def get_batch(call: Call, batch: str) -> Reply:
    """How far each voice is."""
    return Reply(to_json(ask(call.hub.clients.batches.GetBatch, batches.GetBatchRequest(id=batch)).batch))


@resource.route(
    "GET",
    _PATH + "/takes",
    "List takes",
    Answer(200, page_of(reference(_TAKE))),
    scope=Scope.READ,
    parameters=(*PAGE, _STATE),
    messages=(_TAKE,),
)
def list_takes(call: Call, batch: str) -> Reply:
    """Each line by each voice, with what became of it so far."""
    state = batches.TakeState.Value(f"TAKE_STATE_{call.query.get('state', 'unspecified').upper()}")
    request = batches.ListTakesRequest(id=batch, state=state, page=page(call))
    found = ask(call.hub.clients.batches.ListTakes, request)
    return Reply({"items": [to_json(take) for take in found.takes], "next_cursor": found.next_cursor})


@resource.route("POST", _PATH + "/cancel", "Cancel a batch", Answer(200, _ONE), scope=Scope.WRITE)
def cancel_batch(call: Call, batch: str) -> Reply:
    """Stops within a token. What is spoken is packed; it can be resumed."""
    return Reply(to_json(ask(call.hub.clients.batches.CancelBatch, batches.CancelBatchRequest(id=batch)).batch))


@resource.route("POST", _PATH + "/resume", "Resume a batch", Answer(200, _ONE), scope=Scope.WRITE)
def resume_batch(call: Call, batch: str) -> Reply:
    """Speaks what is not done, and tries again what failed, with voices that the caller may still hear."""
    check_voices(call, ask(call.hub.clients.batches.GetBatch, batches.GetBatchRequest(id=batch)).batch)
    return Reply(to_json(ask(call.hub.clients.batches.ResumeBatch, batches.ResumeBatchRequest(id=batch)).batch))


@resource.route("DELETE", _PATH, "Delete a batch", Answer(204), scope=Scope.WRITE)
def delete_batch(call: Call, batch: str) -> Reply:
    """With its zip and its audio, once it has ended."""
    ask(call.hub.clients.batches.DeleteBatch, batches.DeleteBatchRequest(id=batch))
    return Reply({})


@resource.route(
    "GET",
    _PATH + "/events",
    "Follow a batch",
    Answer(200, media="text/event-stream"),
    scope=Scope.READ,
    parameters=(LAST,),
)
def watch_batch(call: Call, batch: str) -> Response:
    """Server-sent events `progress` with `{batch, takes}`: counts, and the takes that ended since the event before."""
    ask(call.hub.clients.batches.GetBatch, batches.GetBatchRequest(id=batch))  # a wrong id is a 404
    request = batches.WatchBatchRequest(id=batch, after_sequence=sequence_of(call.query.get("Last-Event-ID", "")))
    watched = call.hub.clients.batches.WatchBatch(request, timeout=LONGEST_SECONDS)
    return stream(lambda stop: _progress(watched, stop), call.hub.limits.events, call.visitor, watched.cancel)


@resource.route("GET", _PATH + "/manifest", "The manifest", Answer(200, media="application/x-ndjson"), scope=Scope.READ)
def get_batch_manifest(call: Call, batch: str) -> Response:
    """One JSON object a take as it is now: line, voice, version, text, state, digest, seconds, words, error."""
    ask(call.hub.clients.batches.GetBatch, batches.GetBatchRequest(id=batch))  # a wrong id is a 404
    served = call.hub.limits.served
    served.take(call.visitor)
    read = call.hub.clients.batches.ReadManifest(batches.ReadManifestRequest(id=batch), timeout=SLOW_SECONDS)
    response = Response((part.content for part in read), mimetype="application/x-ndjson")
    response.call_on_close(read.cancel)
    response.call_on_close(lambda: served.give(call.visitor))
    return response


@resource.route(
    "GET",
    _PATH + "/zip",
    "Download all audio",
    Answer(200, media="application/zip", note="Audio named by line, the manifest, subtitles; 206 for a range."),
    scope=Scope.READ,
    parameters=RANGES,
)
def get_batch_zip(call: Call, batch: str) -> Response:
    """There when the batch has ended, also of a cancelled one; 409 before."""
    response = _object(call, batch, "")
    response.headers["Cache-Control"] = "private, no-cache"  # a resumed batch has another one
    return response


@resource.route(
    "GET",
    _PATH + "/audio/{digest}",
    "Download one take",
    Answer(200, media="audio/*", note="The file; 206 for a range."),
    scope=Scope.READ,
    parameters=RANGES,
)
def get_batch_audio(call: Call, batch: str, digest: str) -> Response:
    """As soon as the take is done."""
    return _object(call, batch, digest)


def _object(call: Call, batch: str, digest: str) -> Response:
    call.hub.limits.downloads.spend(call.visitor)
    request = batches.ResolveBatchObjectRequest(id=batch, digest=digest)
    found = ask(call.hub.clients.batches.ResolveBatchObject, request, QUICK_SECONDS)
    return send(call, found.object, found.media_type, found.filename)


def _progress(watched: Any, stop: threading.Event) -> Iterator[Message]:
    for event in heard(watched, stop):
        body = {"batch": to_json(event.batch), "takes": [to_json(take) for take in event.takes]}
        yield Message("progress", str(event.sequence), body)
