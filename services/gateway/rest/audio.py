"""Speech as an HTTP answer: a file, a stream of audio, server-sent events, or one JSON object."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

from werkzeug.wrappers import Response

from services.common.errors import VoiceHubError
from services.gateway.rest.problems import from_error
from services.gateway.rest.speech import Speech
from services.stubs.voicehub.inference.v1 import inference_pb2 as inference

LEFT_OUT_IN_HEADER = 10
"""Words: proxies take no long headers."""
Events = Callable[[Speech], Iterator[bytes]]


def audio_answer(speech: Speech) -> Response:
    """The audio itself: with its length when it is a whole file, else in chunks as it comes."""
    response = _answer(speech, speech.audio(), speech.start.media_type)
    if speech.start.size:
        response.headers["Content-Length"] = str(speech.start.size)
    return response


def events_answer(speech: Speech, events: Events) -> Response:
    """Server-sent events; what goes wrong on the way is said by the last one."""
    response = _answer(speech, events(speech), "text/event-stream")
    response.headers["X-Accel-Buffering"] = "no"
    return response


def json_answer(speech: Speech) -> Response:
    """One object with facts, words and the audio in Base64, which is written as it is read."""
    return _answer(speech, _object(speech), "application/json")


def headers(start: inference.SynthesisStart) -> dict[str, str]:
    """What is said of the audio beside it; the label and the words that are not spoken are JSON in ASCII."""
    said = {
        "X-Sample-Rate": str(start.sample_rate),
        "X-Voice-Version": start.voice_version,
        "X-AIGC": json.dumps(json.loads(start.label)),
        "X-AIGC-Place": start.label_place,
        "X-Provenance": start.provenance,
        "Cache-Control": "no-store",
    }
    if start.size:
        said["X-Audio-Seconds"] = f"{start.seconds:.3f}"
    if start.left_out:
        said["X-Left-Out"] = json.dumps(list(start.left_out[:LEFT_OUT_IN_HEADER]))
    return said


def words_of(part: inference.SynthesizeStreamResponse) -> list[dict[str, Any]]:
    """The words of a part with their times in seconds."""
    return [_word(word) for word in part.words.words]


def facts_of(facts: inference.SynthesisFacts) -> dict[str, Any]:
    """How it went."""
    return {"seconds": round(facts.seconds, 4), "tokens": facts.tokens, "characters": facts.characters}


def start_of(start: inference.SynthesisStart) -> dict[str, Any]:
    """What is known before the first sound."""
    return {
        "media_type": start.media_type,
        "sample_rate": start.sample_rate,
        "voice_version": start.voice_version,
        "label": json.loads(start.label),
        "provenance": start.provenance,
        "left_out": list(start.left_out),
    }


def event(name: str, data: dict[str, Any]) -> bytes:
    """One server-sent event; an empty name leaves its line out."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False)
    return (f"event: {name}\n" if name else "").encode() + f"data: {text}\n\n".encode()


def own_events(speech: Speech) -> Iterator[bytes]:
    """Events `start`, `audio` and `words` as they come, then `done`; or `problem`."""
    yield event("start", start_of(speech.start))
    try:
        for part in speech.parts():
            if part.audio:
                yield event("audio", {"audio": base64.b64encode(part.audio).decode()})
            elif part.HasField("words"):
                yield event("words", {"words": words_of(part)})
            elif part.HasField("facts"):
                yield event("done", facts_of(part.facts))
    except VoiceHubError as error:
        yield event("problem", dict(from_error(error).get_json()))


def _word(word: inference.SpokenWord) -> dict[str, Any]:
    return {"text": word.text, "start": round(word.start, 4), "end": round(word.end, 4)}


def _answer(speech: Speech, body: Iterator[bytes], media_type: str) -> Response:
    response = Response(body, 200, headers=headers(speech.start), content_type=media_type)
    response.call_on_close(speech.close)
    return response


def _object(speech: Speech) -> Iterator[bytes]:
    head = json.dumps({**start_of(speech.start), "seconds": round(speech.start.seconds, 4)}, ensure_ascii=False)
    words: list[dict[str, Any]] = []
    left, begun = b"", False
    for part in speech.parts():
        words += words_of(part)  # of a whole file they come before the audio
        if not part.audio:
            continue
        if not begun:
            begun = True
            yield f'{head[:-1]}, "words": {json.dumps(words, ensure_ascii=False)}, "audio": "'.encode()
        left += part.audio
        whole = len(left) // 3 * 3
        yield base64.b64encode(left[:whole])
        left = left[whole:]
    yield base64.b64encode(left) + b'"}'
