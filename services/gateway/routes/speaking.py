"""What every way of asking for speech has in common: the voice's name, the version it means, the request."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from services.common.errors import Invalid, Unprocessable
from services.common.languages import engine_language
from services.gateway.rest.route import Call
from services.gateway.rest.speech import Speech
from services.gateway.routes.shared import version
from services.stubs.voicehub.catalog.v1 import catalog_pb2 as catalog
from services.stubs.voicehub.inference.v1.inference_pb2 import SynthesizeRequest, SynthesizeStreamRequest

FILE = SynthesizeStreamRequest.DELIVERY_FILE
PIECES = SynthesizeStreamRequest.DELIVERY_PIECES
CHUNKS = SynthesizeStreamRequest.DELIVERY_CHUNKS
FORMATS = ("wav", "flac", "mp3", "opus", "pcm")
MOST_CHARACTERS = 20_000
VOICE = "^[^/@#]{1,64}/[^/@#]{1,64}(?:@[^/@#]{1,64})?(?:#[^/@#]{1,128})?$"
VOICE_NOTE = "`owner/name`, `owner/name@ref`, `owner/name#prompt`."


@dataclass(frozen=True)
class VoiceName:
    """`owner/name[@ref][#prompt]`."""

    owner: str
    name: str
    ref: str = ""
    prompt: str = ""


def voice_name(text: str, field: str = "voice") -> VoiceName:
    """The parts of a name; Invalid names the field."""
    if not re.fullmatch(VOICE, text):
        raise Invalid(
            f"{text[:100]!r} names no voice of this hub.",
            hint="Write owner/name, owner/name@ref or owner/name#prompt; a path to a file is not taken.",
            reason="NO_VOICE_NAME",
            fields={field: "must be owner/name[@ref][#prompt]"},
        )
    path, _, prompt = text.partition("#")
    path, _, ref = path.partition("@")
    owner, _, name = path.partition("/")
    return VoiceName(owner, name, ref, prompt)


def utterance(call: Call, name: VoiceName, text: str, language: str, **more: Any) -> SynthesizeRequest:
    """The request for a voice that the caller may hear.

    Raises:
        NotFound: there is no such version, or not for the caller.
        Unprocessable: it cannot speak here, or not yet.
    """
    chosen = speakable(call, name)
    return SynthesizeRequest(
        owner=chosen.owner,
        name=chosen.name,
        version_id=chosen.id,
        text=text,
        language=engine_language(language),
        prompt=name.prompt,
        **more,
    )


def speakable(call: Call, name: VoiceName) -> catalog.Version:
    """The version that a name means; errors as for `utterance`."""
    asked = name.owner, name.name, name.ref
    return call.hub.remembered.version(call.identity, asked, lambda: _speakable(call, name))


def speech(
    call: Call,
    said: SynthesizeRequest,
    form: str,
    delivery: SynthesizeStreamRequest.Delivery.ValueType,
    sample_rate: int = 0,
) -> Speech:
    """The speech, as soon as its first sound (or the whole file) is there."""
    asked = SynthesizeStreamRequest(
        utterance=said, format=form, delivery=delivery, sample_rate=sample_rate, together=True
    )
    hub = call.hub
    return Speech(hub.clients.inference, asked, hub.limits.syntheses, call.visitor, hub.departures, call.gone)


def _speakable(call: Call, name: VoiceName) -> catalog.Version:
    chosen = version(call, name.owner, name.name, name.ref, brief=True)
    if chosen.not_auditionable:
        raise Unprocessable(
            chosen.not_auditionable, hint="Pull it and speak it on your machine.", reason="NOT_AUDITIONABLE"
        )
    if chosen.state != catalog.VERSION_STATE_PUBLISHED:
        raise Unprocessable(
            "This version cannot be listened to yet.",
            hint="Wait until it is published: follow its events.",
            reason="NOT_PUBLISHED",
        )
    return chosen
