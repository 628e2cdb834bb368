"""Search by sound, and the alarm of protected voices."""

from __future__ import annotations

from werkzeug.exceptions import RequestEntityTooLarge

from services.common.errors import Unprocessable
from services.gateway.clients import SLOW_SECONDS, ask
from services.gateway.domain.credentials import Scope
from services.gateway.rest.messages import to_json
from services.gateway.rest.route import Answer, Call, Parameter, Reply, Resource
from services.gateway.rest.schema import listing, number, page_of, record, reference, text
from services.gateway.routes.shared import PAGE, page
from services.stubs.voicehub.catalog.v1 import catalog_pb2 as catalog
from services.stubs.voicehub.trainer.v1 import trainer_pb2 as trainer

resource = Resource("search")
CLIP_LIMIT = 12 << 20
MOST = 50
_HIT, _LIKENESS = catalog.Hit.DESCRIPTOR, catalog.Likeness.DESCRIPTOR
_REPOSITORY = reference(catalog.Repository.DESCRIPTOR)
_FOUND = record({"items": listing(reference(_HIT)), "seconds": {"type": "number"}})
_QUERY = Parameter("q", text(500, least=0), note="Conditions on the voices, as in a search: `lang:yue gender:male`.")
_SIZE = Parameter("size", number(1, MOST), note="Voices, 20 if not said.")
_PROTECTION = "/v1/repos/{owner}/{name}/protection"


@resource.route(
    "POST",
    "/v1/search/sound",
    "Search voices by a clip",
    Answer(200, _FOUND),
    parameters=(_QUERY, _SIZE),
    raw_limit=CLIP_LIMIT + 1,  # one byte more than is taken, so that a longer body is noticed, not cut off
    scope=Scope.READ,
    repeatable=True,
    messages=(_HIT,),
)
def search_by_sound(call: Call) -> Reply:
    """The body is an audio file of 1 to 30 seconds. Voices that sound alike, nearest first; the clip is not kept."""
    with call.hub.limits.clips.one(call.visitor):  # reading it may be slow, and measuring it takes a process and a core
        measured = trainer.EmbedSpeechRequest(clip=_clip(call))
        speaker = ask(call.hub.clients.trainer.EmbedSpeech, measured, SLOW_SECONDS)
    request = catalog.SearchBySoundRequest(
        embedding=speaker.embedding, query=call.query.get("q", ""), size=call.query.get("size", 0)
    )
    found = ask(call.hub.clients.catalog.SearchBySound, request)
    return Reply({"items": [to_json(hit) for hit in found.hits], "seconds": speaker.seconds})


@resource.route("PUT", _PROTECTION, "Protect a voice", Answer(200, _REPOSITORY), scope=Scope.WRITE)
def protect_voice(call: Call, owner: str, name: str) -> Reply:
    """From now on you and the other side are told when somebody publishes a voice that sounds too much like it."""
    return _protection(call, owner, name, protected=True)


@resource.route("DELETE", _PROTECTION, "Stop protecting a voice", Answer(200, _REPOSITORY), scope=Scope.WRITE)
def stop_protecting_voice(call: Call, owner: str, name: str) -> Reply:
    """What was noted stays."""
    return _protection(call, owner, name, protected=False)


@resource.route(
    "GET",
    "/v1/repos/{owner}/{name}/likenesses",
    "Voices that came too close",
    Answer(200, page_of(reference(_LIKENESS))),
    parameters=PAGE,
    scope=Scope.READ,
    messages=(_LIKENESS,),
)
def list_likenesses(call: Call, owner: str, name: str) -> Reply:
    """For the owner of either side. A side that is private for the caller has no names."""
    request = catalog.ListLikenessesRequest(owner=owner, name=name, page=page(call))
    found = ask(call.hub.clients.catalog.ListLikenesses, request)
    return Reply({"items": [to_json(one) for one in found.likenesses], "next_cursor": found.next_cursor})


def _clip(call: Call) -> bytes:
    """The body, whole, whether its length is stated or not."""
    clip = call.stream.read(CLIP_LIMIT + 1)
    if len(clip) > CLIP_LIMIT:
        raise RequestEntityTooLarge
    if not clip:
        raise Unprocessable("There is no clip.", hint="Send an audio file as the body.", reason="NOT_AUDIO")
    return clip


def _protection(call: Call, owner: str, name: str, *, protected: bool) -> Reply:
    request = catalog.SetProtectionRequest(owner=owner, name=name, protected=protected)
    return Reply(to_json(ask(call.hub.clients.catalog.SetProtection, request).repository))
