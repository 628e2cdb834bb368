"""Speech on the hub in its own words: any text, any format, whole or while it is made."""

from __future__ import annotations

from werkzeug.wrappers import Response

from services.gateway.rest.audio import audio_answer, events_answer, json_answer, own_events
from services.gateway.rest.route import Answer, Call, Resource
from services.gateway.rest.schema import choice, number, record, text
from services.gateway.routes import speaking

resource = Resource("synthesis")
WHOLE = ("file", "json")
_LANGUAGE = "^[A-Za-z]{2,8}(?:[-_][A-Za-z0-9]{1,8})*$"
_NEW = record(
    {
        "voice": text(260, pattern=speaking.VOICE, note=speaking.VOICE_NOTE),
        "text": text(4 * speaking.MOST_CHARACTERS, note=f"At most {speaking.MOST_CHARACTERS} characters are spoken."),
    },
    {
        "language": text(35, pattern=_LANGUAGE, note="BCP 47 or `auto`; the voice's first if left out."),
        "seed": number(-1, 2**31 - 1, note="The same seed speaks the same; -1 is another one each time."),
        "speed": number(0.25, 4.0, kind="number"),
        "format": choice(*speaking.FORMATS),
        "sample_rate": number(8_000, 48_000, note="Hz; the voice's own if left out."),
        "answer": {
            **choice("file", "json", "stream", "events"),
            "description": "`file`: the audio, complete and signed where the format allows it; `json`: the same in"
            " Base64 with word times; `stream`: audio as it is made, whose head (WAV, FLAC) cannot state a length;"
            " `events`: server-sent events `start`, `audio`, `words`, `done`.",
        },
        "ssml": {"type": "boolean", "description": "The text is `<speak>` with break, say-as, phoneme."},
        "notice": {"type": "boolean", "description": "A tone before it (1 s, -20 dBFS) says that it is synthetic."},
    },
)


@resource.route(
    "POST",
    "/v1/synthesis",
    "Speak a text",
    Answer(200, media="audio/*", note="Audio that says it is synthetic; JSON or events where they are asked for."),
    body=_NEW,
    repeatable=True,
)
def create_synthesis(call: Call) -> Response:
    """Headers tell sample rate, label (`X-AIGC`) and whether the file is signed (`X-Provenance`).

    Words that the language has no sounds for are left out, and listed (`X-Left-Out`, `left_out` in JSON and `start`).
    """
    body, way = call.body, call.body.get("answer", "file")
    said = speaking.utterance(
        call,
        speaking.voice_name(body["voice"]),
        body["text"],
        body.get("language", ""),
        seed=body.get("seed", 0),
        speed=body.get("speed", 1.0),
        ssml=body.get("ssml", False),
        notice=body.get("notice", False),
    )
    delivery = speaking.FILE if way in WHOLE else speaking.CHUNKS
    speech = speaking.speech(call, said, body.get("format", "wav"), delivery, body.get("sample_rate", 0))
    if way == "events":
        return events_answer(speech, own_events)
    return json_answer(speech) if way == "json" else audio_answer(speech)
