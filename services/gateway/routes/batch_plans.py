"""What is said about a batch when it is made: voices, list, manner."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from services.common.errors import Invalid, VoiceHubError
from services.gateway.rest.route import Call
from services.gateway.rest.schema import Schema, choice, listing, number, record, text
from services.gateway.routes import speaking
from services.gateway.routes.shared import UPLOAD_ID, complete_upload, object_of
from services.stubs.voicehub.inference.v1.batch_pb2 import Batch, BatchPlan, ChosenVoice

MOST_VOICES = 16
MOST_INLINE = 2_000
FORMATS = ("wav", "flac", "mp3")
_LANGUAGE = "^[A-Za-z]{2,8}(?:[-_][A-Za-z0-9]{1,8})*$"
_SEED = number(0, 2**31 - 1, note="The same seed makes the same files.")
_LINE: Schema = record(
    {"text": text(4_000, least=0)},
    {
        "id": text(100),
        "language": text(35, pattern=_LANGUAGE),
        "voice": text(260, pattern=speaking.VOICE, note="Only this one of the batch's voices."),
        "seed": _SEED,
    },
)
PLAN: Schema = record(
    {
        "voices": {
            **listing(text(260, pattern=speaking.VOICE, note=speaking.VOICE_NOTE)),
            "minItems": 1,
            "maxItems": MOST_VOICES,
        }
    },
    {
        "upload": {**UPLOAD_ID, "description": "Of the list: JSONL, CSV with a column `text`, SRT or EPUB."},
        "lines": {**listing(_LINE), "minItems": 1, "maxItems": MOST_INLINE, "description": "Instead of an upload."},
        "list_format": {**choice("jsonl", "csv", "srt", "epub"), "description": "By its content if left out."},
        "language": text(35, pattern=_LANGUAGE, note="Of lines that name none; the voice's first if left out."),
        "format": choice(*FORMATS),
        "sample_rate": number(8_000, 48_000, note="Hz; the voice's own if left out."),
        "seed": _SEED,
        "speed": number(0.25, 4.0, kind="number"),
    },
)


def plan_of(call: Call) -> BatchPlan:
    """The plan of a request, its voices resolved for the caller.

    Raises:
        NotFound, Unprocessable: a voice is not there for the caller, or cannot speak; fields say which.
        Invalid: there is not exactly one list.
    """
    body = call.body
    plan = BatchPlan(
        voices=[_chosen(call, number, name) for number, name in enumerate(body["voices"])],
        list_format=body.get("list_format", ""),
        language=body.get("language", ""),
        format=body.get("format", "wav"),
        sample_rate=body.get("sample_rate", 0),
        seed=body.get("seed", 0),
        speed=body.get("speed", 1.0),
    )
    if ("upload" in body) == ("lines" in body):
        raise Invalid("A batch needs one list.", hint="Give `upload` or `lines`.", fields={"upload": "or lines"})
    if "upload" in body:
        plan.upload.CopyFrom(object_of(complete_upload(call, body["upload"], "upload")))
    else:
        plan.inline = _inline(body["lines"])
    return plan


def check_voices(call: Call, batch: Batch) -> None:
    """Raises what `plan_of` would now, of a voice with which a batch has not said everything: rights are taken back."""
    for place, voice in enumerate(batch.voices):
        if voice.done < voice.total:
            _chosen(call, place, voice.name, voice.version_id)


def _chosen(call: Call, number: int, asked: str, version_id: str = "") -> ChosenVoice:
    """The voice with the version that its name means, or with that one."""
    name = speaking.voice_name(asked, f"voices.{number}")
    meant = replace(name, ref=version_id or name.ref)
    try:
        return ChosenVoice(name=asked, version_id=speaking.speakable(call, meant).id, prompt=name.prompt)
    except VoiceHubError as error:
        error.fields = {f"voices.{number}": error.message}
        raise


def _inline(lines: list[Mapping[str, Any]]) -> bytes:
    """As JSON lines, which inference reads like an upload."""
    return "\n".join(json.dumps(line) for line in lines).encode()
