"""`POST /v1/audio/speech` as OpenAI's API has it: its clients speak with the voices of this hub."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

from werkzeug.wrappers import Response

from services.common.errors import Invalid, VoiceHubError
from services.gateway.rest.audio import audio_answer, event, events_answer
from services.gateway.rest.route import Answer, Call, ErrorShape, Resource
from services.gateway.rest.schema import FREE_OBJECT, choice, number, text
from services.gateway.rest.speech import Speech
from services.gateway.routes import speaking

resource = Resource("openai")
PCM_RATE = 24_000
WHOLE = ("flac",)
"""Sent when it is complete, for most of its readers want to know its length first (libsndfile refuses one without)."""
_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    422: "invalid_request_error",
    429: "rate_limit_error",
}
_VOICE = text(260, note=speaking.VOICE_NOTE)
_NEW = {
    "type": "object",
    "properties": {
        "model": text(200, note="Any: the voice decides."),
        "input": text(4 * speaking.MOST_CHARACTERS),
        "voice": {"anyOf": [_VOICE, {"type": "object", "properties": {"id": _VOICE}, "required": ["id"]}]},
        "response_format": text(20, note="mp3, opus, flac, wav or pcm (24 kHz, 16 bit, little endian)."),
        "speed": number(0.25, 4.0, kind="number"),
        "stream_format": choice("audio", "sse"),
        "instructions": {"type": ["string", "null"], "description": "Read by nobody: voices have prompts instead."},
    },
    "required": ["model", "input", "voice"],
}


def _error(problem: dict[str, Any]) -> dict[str, Any]:
    field = next(iter(problem.get("fields") or {}), None)
    return {
        "error": {
            "message": f"{problem['detail']} {problem['hint']}",
            "type": _TYPES.get(problem["status"], "server_error"),
            "param": field,
            "code": problem["reason"].lower(),
        }
    }


ERROR = ErrorShape(_error, {"type": "object", "properties": {"error": FREE_OBJECT}, "required": ["error"]})


@resource.route(
    "POST",
    "/v1/audio/speech",
    "Speak a text (OpenAI)",
    Answer(200, media="audio/*", note="As it is made (FLAC: complete), or events `speech.audio.delta` and `.done`."),
    body=_NEW,
    repeatable=True,
    errors=ERROR,
)
def create_speech(call: Call) -> Response:
    """Works with OpenAI's own clients: `base_url` is this hub's `/v1`, `voice` is `owner/name[@ref][#prompt]`.

    The header `X-Left-Out` lists words that are not spoken, for the language has no sounds for them.
    """
    body = call.body
    voice = body["voice"] if isinstance(body["voice"], str) else body["voice"]["id"]
    form = body.get("response_format", "mp3")
    if form not in speaking.FORMATS:
        known = ", ".join(speaking.FORMATS)
        raise Invalid(
            f"The format {form!r} is not made here.", hint=f"Use one of {known}.", fields={"response_format": known}
        )
    said = speaking.utterance(call, speaking.voice_name(voice), body["input"], "", speed=body.get("speed", 1.0), seed=0)
    events = body.get("stream_format") == "sse"
    delivery = speaking.FILE if form in WHOLE and not events else speaking.CHUNKS
    speech = speaking.speech(call, said, form, delivery, PCM_RATE if form == "pcm" else 0)
    return events_answer(speech, _events) if events else audio_answer(speech)


def _events(speech: Speech) -> Iterator[bytes]:
    try:
        for part in speech.parts():
            if part.audio:
                delta = base64.b64encode(part.audio).decode()
                yield event("", {"type": "speech.audio.delta", "audio": delta})
            elif part.HasField("facts"):
                told, heard = part.facts.characters, part.facts.tokens
                usage = {"input_tokens": told, "output_tokens": heard, "total_tokens": told + heard}
                yield event("", {"type": "speech.audio.done", "usage": usage})
    except VoiceHubError as error:
        yield event("error", {"error": {"message": f"{error.message} {error.hint}", "type": "server_error"}})
