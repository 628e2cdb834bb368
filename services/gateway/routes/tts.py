"""`/tts` as GPT-SoVITS' API v2 has it: its clients speak with the voices of this hub.

`ref_audio_path` carries the voice's name, for a hub opens no path that a visitor names. What belongs to the voice here
(the reference's text and language) is read and left aside, as is what only tunes the speed of a machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from werkzeug.wrappers import Response

from gptsovits.text.cutting import METHODS
from gptsovits.text.segmentation import MODES
from services.common.errors import Invalid
from services.gateway.rest.audio import audio_answer
from services.gateway.rest.route import Answer, Call, ErrorShape, Parameter, Resource
from services.gateway.rest.schema import Schema
from services.gateway.routes import speaking
from services.gateway.routes.tts_values import Values
from services.stubs.voicehub.inference.v1.inference_pb2 import Manner

resource = Resource("gpt-sovits")
_RECORDINGS = (".wav", ".mp3", ".flac", ".ogg", ".m4a", ".aac", ".opus")
MEDIA = {"wav": "wav", "raw": "pcm", "ogg": "opus"}
_FIELDS: Mapping[str, tuple[str, str]] = {
    "text": ("string", "What is said."),
    "text_lang": ("string", f"One of {', '.join(MODES)}."),
    "ref_audio_path": ("string", "`owner/name[@ref][#prompt]`."),
    "prompt_lang": ("string", "Must be there; the prompt's own language counts."),
    "prompt_text": ("string", "Left aside; the prompt's own text counts."),
    "top_k": ("integer", "15 if left out."),
    "top_p": ("number", "1 if left out."),
    "temperature": ("number", "1 if left out."),
    "repetition_penalty": ("number", "1.35 if left out."),
    "text_split_method": ("string", "cut0 to cut5."),
    "speed_factor": ("number", "1 is natural."),
    "fragment_interval": ("number", "Seconds of silence between pieces, 0.3 if left out."),
    "seed": ("integer", "-1 is another one each time."),
    "media_type": ("string", "wav, raw (int16, little endian) or ogg (Opus)."),
    "streaming_mode": ("integer", "0 whole, 1 sentence by sentence, 2 and 3 chunk by chunk; true is 1."),
}
_BODY: Schema = {
    "type": "object",
    # Clients also write numbers and switches as texts.
    "properties": {
        name: {"type": sorted({kind, "string", "boolean", "null"}), "description": note}
        for name, (kind, note) in _FIELDS.items()
    },
    "additionalProperties": True,
}
_QUERY = tuple(Parameter(name, {"type": "string"}, note=note) for name, (_, note) in _FIELDS.items())


def _error(problem: dict[str, Any]) -> dict[str, Any]:
    return {"message": problem["detail"], "Exception": f"{problem['reason']}: {problem['hint']}"}


ERROR = ErrorShape(
    _error,
    {"type": "object", "properties": {"message": {"type": "string"}, "Exception": {"type": "string"}}},
    {404: 400, 413: 400, 415: 400, 422: 400},
)
_ANSWER = Answer(200, media="audio/*", note="Audio that says it is synthetic.")


@resource.route("GET", "/tts", "Speak a text (GPT-SoVITS)", _ANSWER, parameters=_QUERY, errors=ERROR)
def get_tts(call: Call) -> Response:
    """The fields of GPT-SoVITS' `api_v2.py` in the query; failures are 400 with `message`.

    The header `X-Left-Out` lists words that are not spoken, for the language has no sounds for them.
    """
    return _spoken(call, Values(call.query))


@resource.route("POST", "/tts", "Speak a text (GPT-SoVITS)", _ANSWER, body=_BODY, repeatable=True, errors=ERROR)
def post_tts(call: Call) -> Response:
    """The fields of GPT-SoVITS' `api_v2.py` as JSON; failures are 400 with `message`, `X-Left-Out` as for GET."""
    return _spoken(call, Values(call.body))


def _spoken(call: Call, values: Values) -> Response:
    reference, text = values.required("ref_audio_path"), values.required("text")
    language = _known(values.required("text_lang").lower(), "text_lang", MODES)
    _known(values.required("prompt_lang").lower(), "prompt_lang", MODES)
    media = _known(values.text("media_type", "wav").lower(), "media_type", tuple(MEDIA))
    cutting = _known(values.text("text_split_method", "cut5"), "text_split_method", METHODS)
    name = _reference(reference)
    values.refuse("aux_ref_audio_paths", "Name one voice in ref_audio_path; its prompt decides the timbre.")
    manner = Manner(
        top_k=values.integer("top_k", 15),
        top_p=values.number("top_p", 1.0),
        temperature=values.number("temperature", 1.0),
        repetition_penalty=values.number("repetition_penalty", 1.35),
        pause=values.number("fragment_interval", 0.3),
        cutting=cutting,
    )
    speed, seed = values.above_zero("speed_factor", 1.0), values.integer("seed", -1)
    said = speaking.utterance(call, name, text, language, speed=speed, seed=seed, manner=manner)
    modes = (speaking.FILE, speaking.PIECES, speaking.CHUNKS, speaking.CHUNKS)
    response = audio_answer(speaking.speech(call, said, MEDIA[media], modes[values.streaming_mode()]))
    response.headers["Content-Type"] = f"audio/{media}"
    return response


def _known(value: str, field: str, known: tuple[str, ...]) -> str:
    if value not in known:
        hint = f"Use one of {', '.join(known)}."
        raise Invalid(f"{field}: {value[:40]} is not supported.", hint=hint, fields={field: "unknown"})
    return value


def _reference(text: str) -> speaking.VoiceName:
    """The voice; a path is refused as what it is."""
    path = text.partition("#")[0]
    if PurePosixPath(path).suffix.lower() in _RECORDINGS or path.startswith(("/", ".", "~")) or "\\" in path:
        raise Invalid(
            "ref_audio_path: a hub opens no file that a visitor names.",
            hint="Give a voice of this hub instead: owner/name, owner/name@ref or owner/name#prompt.",
            reason="NO_FILE_PATHS",
            fields={"ref_audio_path": "must be owner/name[@ref][#prompt]"},
        )
    return speaking.voice_name(text, "ref_audio_path")
