"""Evaluations of versions: asked for, read, listened to, compared."""

from __future__ import annotations

import re

from werkzeug.wrappers import Response

from services.common.errors import Invalid, NotFound
from services.gateway.clients import ask
from services.gateway.domain.credentials import Scope
from services.gateway.rest.messages import to_json
from services.gateway.rest.route import Answer, Call, Parameter, Reply, Resource
from services.gateway.rest.schema import reference, text
from services.gateway.routes.downloads import RANGES, send
from services.stubs.voicehub.trainer.v1 import evaluation_pb2 as pb

resource = Resource("evaluations")
_PATH = "/v1/repos/{owner}/{name}/versions/{ref}/evaluation"
_EVALUATION, _COMPARISON = pb.Evaluation.DESCRIPTOR, pb.CompareEvaluationsResponse.DESCRIPTOR
_BASE = Parameter("base", text(160), required=True, note="owner/name[@ref] of what it is compared with.")
_NAME = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]{0,63})/([a-z0-9][a-z0-9._-]{0,63})(?:@([A-Za-z0-9._-]{1,64}))?")


@resource.route(
    "POST",
    _PATH,
    "Evaluate a version",
    Answer(202, reference(_EVALUATION)),
    scope=Scope.WRITE,
    messages=(_EVALUATION,),
)
def create_evaluation(call: Call, owner: str, name: str, ref: str) -> Reply:
    """The one that there is, or a new one that waits for its turn."""
    request = pb.CreateEvaluationRequest(owner=owner, name=name, ref=ref)
    return Reply(to_json(ask(call.hub.clients.evaluations.CreateEvaluation, request).evaluation))


@resource.route("GET", _PATH, "Read an evaluation", Answer(200, reference(_EVALUATION)))
def get_evaluation(call: Call, owner: str, name: str, ref: str) -> Reply:
    """The last one of the version, under way or ended; 404 if nobody has asked for one."""
    return Reply(to_json(_evaluation(call, owner, name, ref)))


@resource.route(
    "GET",
    _PATH + "/comparison",
    "Compare two versions",
    Answer(200, reference(_COMPARISON)),
    parameters=(_BASE,),
    messages=(_COMPARISON, pb.Difference.DESCRIPTOR),
)
def compare_evaluations(call: Call, owner: str, name: str, ref: str) -> Reply:
    """What changes from `base` to this version, with 95 % bootstrap intervals over the sentences."""
    named = _NAME.fullmatch(call.query["base"])
    if named is None:
        raise Invalid("base does not name a voice.", hint="Write owner/name@ref.", fields={"base": "owner/name@ref"})
    base = pb.VersionName(owner=named[1], name=named[2], ref=named[3] or "")
    head = pb.VersionName(owner=owner, name=name, ref=ref)
    request = pb.CompareEvaluationsRequest(base=base, head=head)
    return Reply(to_json(ask(call.hub.clients.evaluations.CompareEvaluations, request)))


@resource.route(
    "GET", _PATH + "/audio/{digest}", "Listen to a judged sentence", Answer(200, media="audio/wav"), parameters=RANGES
)
def get_judged_audio(call: Call, owner: str, name: str, ref: str, digest: str) -> Response:
    """The WAV that the judges heard."""
    call.hub.limits.downloads.spend(call.visitor)
    for sentence in _evaluation(call, owner, name, ref).sentences:
        if sentence.audio.digest == digest:
            return send(call, sentence.audio, "audio/wav", f"{digest[:12]}.wav")
    raise NotFound("No sentence of this evaluation sounds so.", hint="Take the digests from the evaluation.")


def _evaluation(call: Call, owner: str, name: str, ref: str) -> pb.Evaluation:
    request = pb.GetEvaluationRequest(owner=owner, name=name, ref=ref)
    return ask(call.hub.clients.evaluations.GetEvaluation, request).evaluation
