"""Auditions with one's own text, spoken on the hub."""

from __future__ import annotations

from werkzeug.wrappers import Response

from services.common.errors import Unprocessable
from services.gateway.clients import SLOW_SECONDS, ask
from services.gateway.rest.route import Answer, Call, Resource
from services.gateway.rest.schema import number, record, text
from services.gateway.routes.shared import version
from services.stubs.voicehub.catalog.v1 import catalog_pb2 as catalog
from services.stubs.voicehub.inference.v1.inference_pb2 import BundleFile, SynthesizeRequest

resource = Resource("synthesis")
WAV = "audio/wav"
_VOICE = "^[^/@]{1,64}/[^/@]{1,64}(?:@[^/@]{1,64})?$"
_NEW = record(
    {
        "voice": text(200, pattern=_VOICE, note="`owner/name`, or `owner/name@ref`."),
        "text": text(500),
        "language": text(35, pattern="^[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*$", note="BCP 47."),
    },
    {"seed": number(0, 2**31 - 1), "speed": number(0.5, 2.0, kind="number")},
)


@resource.route(
    "POST",
    "/v1/synthesis",
    "Audition with your own text",
    Answer(200, media=WAV, note="A WAV file that says it is synthetic."),
    body=_NEW,
    repeatable=True,
)
def create_synthesis(call: Call) -> Response:
    """The same seed speaks the same; the file carries the label of synthetic speech."""
    voice, _, ref = call.body["voice"].partition("@")
    owner, _, name = voice.partition("/")
    chosen = version(call, owner, name, ref)
    _check_speakable(chosen)
    request = SynthesizeRequest(
        owner=chosen.owner,
        name=chosen.name,
        version_id=chosen.id,
        bundle=[BundleFile(path=file.path, object=file.object) for file in chosen.bundle],
        files=[BundleFile(path=file.path, object=file.object) for file in chosen.files],
        requires=dict(chosen.requires),
        text=call.body["text"],
        language=call.body["language"],
        seed=call.body.get("seed", 0),
        speed=call.body.get("speed", 1.0),
    )
    with call.hub.limits.syntheses.one():
        spoken = ask(call.hub.clients.inference.Synthesize, request, SLOW_SECONDS)
    headers = {"X-Audio-Seconds": f"{spoken.seconds:.3f}", "Cache-Control": "no-store"}
    return Response(spoken.wav, 200, headers=headers, mimetype=WAV)


def _check_speakable(chosen: catalog.Version) -> None:
    if chosen.not_auditionable:
        raise Unprocessable(
            chosen.not_auditionable, hint="Pull it and speak it on your machine.", reason="NOT_AUDITIONABLE"
        )
    if not chosen.bundle or chosen.state != catalog.VERSION_STATE_PUBLISHED:
        raise Unprocessable(
            "This version cannot be listened to yet.",
            hint="Wait until it is published: follow its events.",
            reason="NOT_PUBLISHED",
        )
