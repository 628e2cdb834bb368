"""Speech as a service, with a real voice: OpenAI's own client, `/tts` as GPT-SoVITS' clients call it, our own route."""

from __future__ import annotations

import base64
import io
import json
import threading
import time
from pathlib import Path
from typing import Any

import av
import c2pa
import httpx
import numpy as np
import openai
import pytest
from numpy.typing import NDArray

from gptsovits.audio.containers import CONTAINERS
from gptsovits.audio.tags import read_tag
from gptsovits.runtime.label import read_label
from services.common import settings
from services.common.events import make_event, open_bus
from services.stubs.voicehub.catalog.v1.events_pb2 import VersionQuarantined
from tests.e2e.house import House, Person
from tests.e2e.nano import push_nano

pytestmark = pytest.mark.e2e
VOICE = "creator/spoken"
TEXT = "The tide was coming in. Nobody had seen the boat."
LONG = "The tide was coming in, and nobody had seen the boat. " * 60
Wave = NDArray[np.float32]


@pytest.fixture(scope="module")
def voice(house: House, creator: Person, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The shipped nano base's own voice, pushed, scanned, exported, tested and published."""
    return push_nano(creator, tmp_path_factory.mktemp("nano"), VOICE)


def test_openais_own_client(house: House, creator: Person, voice: str) -> None:
    client = openai.OpenAI(base_url=f"{house.url}/v1", api_key=_token(house, creator), max_retries=0, timeout=120)
    mp3 = client.audio.speech.create(model="voicehub", voice=voice, input=TEXT).read()
    whole = _decoded(mp3)
    assert 1.5 < len(whole) / 16_000 < 10
    assert _label(mp3, "mp3")
    with client.audio.speech.with_streaming_response.create(
        model="voicehub", voice=voice, input=TEXT, response_format="wav"
    ) as streaming:
        blocks = list(streaming.iter_bytes())
        assert "none" in streaming.headers["X-Provenance"]
    wav = b"".join(blocks)
    assert _alike(whole, _decoded(wav)) > 0.95
    with client.audio.speech.with_streaming_response.create(
        model="voicehub", voice=voice, input=TEXT, response_format="pcm", stream_format="sse"
    ) as streaming:
        told = [json.loads(line.removeprefix("data: ")) for line in streaming.iter_lines() if line]
    deltas = b"".join(base64.b64decode(one["audio"]) for one in told if one["type"] == "speech.audio.delta")
    assert told[-1]["type"] == "speech.audio.done"
    assert len(deltas) / 48_000 == pytest.approx(len(whole) / 16_000, abs=0.3)
    with pytest.raises(openai.NotFoundError):
        client.audio.speech.create(model="voicehub", voice="creator/absent", input=TEXT)


def test_tts_as_gpt_sovits_clients_call_it(house: House, voice: str) -> None:
    fields: dict[str, str | int] = {"text": TEXT, "text_lang": "en", "prompt_lang": "en", "seed": 5}
    fields["ref_audio_path"] = voice
    whole = httpx.get(f"{house.url}/tts", params=fields, timeout=120)
    assert whole.status_code == 200, whole.text
    assert (read_label(whole.content) or {})["Label"] == "1"
    raw = httpx.post(f"{house.url}/tts", json={**fields, "media_type": "raw", "streaming_mode": 1}, timeout=120).content
    expected = _decoded(whole.content)
    assert np.abs(np.frombuffer(raw, "<i2") / 32768 - expected).max() < 2 / 32768  # sentence by sentence: the same
    chunks = httpx.post(f"{house.url}/tts", json={**fields, "media_type": "ogg", "streaming_mode": 2}, timeout=120)
    assert chunks.headers["Content-Type"] == "audio/ogg"
    heard, whole_loudness = _loudness(_decoded(chunks.content)), _loudness(expected)  # chunk by chunk: as loud as that
    both = min(len(heard), len(whole_loudness))
    assert np.corrcoef(heard[:both], whole_loudness[:both])[0, 1] > 0.9
    assert np.corrcoef(heard[:both], whole_loudness[:both][::-1])[0, 1] < 0.5
    path = httpx.post(f"{house.url}/tts", json={**fields, "ref_audio_path": "/srv/reference.wav"})
    assert path.status_code == 400
    assert "owner/name" in path.json()["Exception"]
    prompt = httpx.post(f"{house.url}/tts", json={**fields, "ref_audio_path": f"{voice}#absent"}, timeout=120)
    assert prompt.status_code == 400
    assert "It has: calm" in prompt.json()["Exception"]


def test_our_own_route(house: House, creator: Person, voice: str, tmp_path: Path) -> None:
    url = f"{house.url}/v1/synthesis"
    flac = httpx.post(url, json={"voice": voice, "text": TEXT, "format": "flac", "seed": 5}, timeout=120)
    assert flac.headers["X-Provenance"] == "c2pa"
    root = house.data / "inference" / "provenance" / "root.pem"
    assert _provenance(flac.content, "audio/flac", root) == "Trusted"
    tampered = bytearray(flac.content)
    tampered[-2_000] ^= 1
    assert _provenance(bytes(tampered), "audio/flac", root) == "Invalid"
    marked = f'<speak>{TEXT}<break time="1s"/><say-as interpret-as="spell-out">AI</say-as></speak>'
    wish = {"voice": voice, "text": marked, "ssml": True, "seed": 5, "notice": True, "answer": "json"}
    told = httpx.post(url, json=wish, timeout=120).json()
    sound, words = _decoded(base64.b64decode(told["audio"])), told["words"]
    assert [word["text"].lower() for word in words[:5]] == ["the", "tide", "was", "coming", "in"]
    assert words[0]["start"] >= 1.0  # behind the notice
    assert [word["text"].lower() for word in words[-2:]] == ["a", "i"]
    assert words[-2]["start"] - words[-3]["end"] > 0.9
    assert len(sound) / 16_000 == pytest.approx(told["seconds"], abs=0.01)
    out = tmp_path / "said.opus"
    creator.ok("say", voice, TEXT, "--on-hub", "--seed", "5", "-o", out)
    assert _alike(_decoded(out.read_bytes()), _decoded(flac.content)) > 0.95


def test_a_long_text_begins_at_once_and_ends_with_its_reader(house: House, voice: str) -> None:
    wish = {"voice": voice, "text": LONG, "answer": "stream", "format": "pcm"}
    since = time.monotonic()
    with httpx.stream("POST", f"{house.url}/v1/synthesis", json=wish, timeout=120) as answer:
        first = next(answer.iter_raw())
        assert len(first) / 32_000 < 3  # not the whole text, which lasts minutes
    assert time.monotonic() - since < 20
    waiting, deadline = threading.Event(), time.monotonic() + 10
    while 'pool="syntheses"} 0.0' not in httpx.get(f"{house.url}/metrics").text:
        assert time.monotonic() < deadline
        waiting.wait(0.1)
    while (last := _syntheses(house)[-1])["how"] == "finished":
        assert time.monotonic() < deadline
        waiting.wait(0.1)
    assert last["how"] == "cancelled"
    finished = httpx.post(f"{house.url}/v1/synthesis", json={**wish, "text": LONG[:540]}, timeout=120)  # the control
    assert len(finished.content) > 4 * len(first)
    assert _syntheses(house)[-1]["how"] == "finished"
    assert last["tokens"] < 2 * _syntheses(house)[-1]["tokens"]  # of six times that text
    with pytest.raises(httpx.ReadTimeout):  # the same for one who does not wait for a whole file
        httpx.post(f"{house.url}/v1/synthesis", json={**wish, "answer": "file"}, timeout=0.5)
    while (last := _syntheses(house)[-1])["how"] == "finished":
        assert time.monotonic() < deadline + 10
        waiting.wait(0.1)
    assert last["how"] == "cancelled"
    too_long = httpx.post(f"{house.url}/v1/synthesis", json={**wish, "text": "word " * 4_001})
    assert too_long.status_code == 400
    assert "at most 20000" in too_long.json()["detail"]


def test_a_stream_of_a_version_that_is_quarantined_falls_silent(
    house: House, creator: Person, voice: str, tmp_path: Path
) -> None:
    fallen = push_nano(creator, tmp_path, "creator/fallen")
    version = httpx.get(f"{house.url}/v1/repos/{fallen}/versions/main").json()["id"]
    wish = {"voice": fallen, "text": LONG, "answer": "stream", "format": "pcm"}
    with httpx.stream("POST", f"{house.url}/v1/synthesis", json=wish, timeout=120) as answer:
        blocks = answer.iter_raw()
        next(blocks)
        event = make_event("versions", version, VersionQuarantined(version_id=version), "catalog")
        open_bus(settings.load("inference", {"VOICEHUB_DATA": str(house.data)}).events_url).publish([event])
        with pytest.raises(httpx.RemoteProtocolError):  # broken off: it never looks whole
            list(blocks)
    whole = httpx.post(f"{house.url}/v1/synthesis", json={**wish, "voice": voice}, timeout=120)  # the control
    assert whole.status_code == 200
    waiting, deadline = threading.Event(), time.monotonic() + 10
    # Its samples may be spoken meanwhile, too: what is looked for is the one that was refused.
    while not (refused := [one for one in _syntheses(house) if (one["version"], one["how"]) == (version, "refused")]):
        assert time.monotonic() < deadline
        waiting.wait(0.1)
    while not (heard := [one for one in _syntheses(house) if one["version"] != version and one["tokens"] > 1000]):
        assert time.monotonic() < deadline
        waiting.wait(0.1)
    assert heard[-1]["how"] == "finished"
    assert refused[0]["tokens"] < heard[-1]["tokens"] / 2


def _syntheses(house: House) -> list[dict[str, Any]]:
    """What inference logged of each, in order."""
    lines = (json.loads(line) for line in (house.data / "logs" / "inference.jsonl").read_text().splitlines())
    return [line for line in lines if line["message"] == "synthesis"]


def _token(house: House, person: Person) -> str:
    body = {"name": person.name, "password": f"{person.name}-has-a-long-password"}
    return str(httpx.post(f"{house.url}/v1/sessions", json=body, timeout=120).json()["token"])


def _decoded(content: bytes) -> Wave:
    """Samples at 16 kHz."""
    resampler = av.AudioResampler("flt", "mono", 16_000)
    with av.open(io.BytesIO(content), "r") as file:
        frames = [out for frame in file.decode(audio=0) for out in resampler.resample(frame)]
    return np.concatenate([frame.to_ndarray()[0] for frame in (*frames, *resampler.resample(None))])


def _alike(found: Wave, expected: Wave) -> float:
    """Correlation at the best delay up to 0.2 s."""
    size = 1 << (len(found) + len(expected)).bit_length()
    product = np.fft.irfft(np.fft.rfft(found, size) * np.conj(np.fft.rfft(expected, size)), size)
    delay = int(np.argmax(product[:3_200]))
    both = min(len(found) - delay, len(expected))
    return float(np.corrcoef(found[delay : delay + both], expected[:both])[0, 1])


def _loudness(wave: Wave) -> Wave:
    """Root mean square of each 20 ms."""
    frames = wave[: len(wave) // 320 * 320].reshape(-1, 320)
    return np.asarray(np.sqrt((frames**2).mean(1)), np.float32)


def _label(content: bytes, name: str) -> Any:
    return json.loads(read_tag(io.BytesIO(content), CONTAINERS[name].name) or "{}").get("ProduceID")


def _provenance(content: bytes, media_type: str, root: Path) -> str:
    trusted = {"trust": {"trust_anchors": root.read_text()}, "verify": {"verify_trust": True}}
    with (
        c2pa.Context(c2pa.Settings.from_dict(trusted)) as context,
        c2pa.Reader(media_type, io.BytesIO(content), context=context) as reader,
    ):
        return str(reader.get_validation_state())
