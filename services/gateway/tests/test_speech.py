"""Three ways of asking for speech: our own, OpenAI's, and GPT-SoVITS' `/tts`."""

from __future__ import annotations

import base64
import json
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx
import openai
import pytest
from prometheus_client import REGISTRY

from services.gateway.limits import SYNTHESES
from services.gateway.rest import server
from services.gateway.rest.app import create_app
from services.gateway.rest.openapi import document
from services.gateway.routes import all_routes
from services.gateway.tests.conftest import Gateway
from services.gateway.tests.upstreams import wav
from services.stubs.voicehub.inference.v1 import inference_pb2 as inference

OWN = {"voice": "anna/narrator", "text": "Hello"}
TTS = {"text": "Hello", "text_lang": "en", "ref_audio_path": "anna/narrator", "prompt_lang": "en"}
OPENAI = {"model": "voicehub", "input": "Hello", "voice": "anna/narrator"}


@pytest.fixture
def voiced(gateway: Gateway) -> Gateway:
    gateway.world.add_voice("anna", "narrator")
    return gateway


def asked(gateway: Gateway) -> inference.SynthesizeStreamRequest:
    request = gateway.world.requests[-1]
    assert isinstance(request, inference.SynthesizeStreamRequest)
    return request


def events(body: str) -> list[tuple[str, Any]]:
    found = []
    for block in body.strip().split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.split("\n"))
        found.append((lines.get("event", ""), json.loads(lines["data"])))
    return found


def test_a_file_with_its_facts(voiced: Gateway) -> None:
    wish = {**OWN, "voice": "anna/narrator@main#happy", "format": "flac", "seed": -1, "speed": 1.5, "notice": True}
    answer = voiced.json("POST", "/v1/synthesis", {**wish, "language": "zh-CN", "sample_rate": 24_000})
    assert answer.status_code == 200
    assert answer.data == wav()
    assert int(answer.headers["Content-Length"]) == len(wav())
    assert json.loads(answer.headers["X-AIGC"])["ProduceID"] == "语"
    assert answer.headers["X-Provenance"] == "c2pa"
    assert answer.headers["X-Sample-Rate"] == "16000"
    said, request = asked(voiced).utterance, asked(voiced)
    assert (said.prompt, said.language, said.seed, said.speed, said.notice) == ("happy", "zh", -1, 1.5, True)
    assert (request.format, request.sample_rate, request.delivery) == ("flac", 24_000, request.DELIVERY_FILE)


def test_words_as_json_and_as_events(voiced: Gateway) -> None:
    told = voiced.json("POST", "/v1/synthesis", {**OWN, "answer": "json"}).get_json()
    assert base64.b64decode(told["audio"]) == wav()
    assert told["words"] == [{"text": "hello", "start": 0.01, "end": 0.19}]
    assert (told["sample_rate"], told["label"]["Label"]) == (16_000, "1")
    streamed = events(voiced.json("POST", "/v1/synthesis", {**OWN, "answer": "events"}).text)
    assert [name for name, _ in streamed] == ["start", "audio", "audio", "audio", "words", "done"]
    assert b"".join(base64.b64decode(data["audio"]) for name, data in streamed if name == "audio") == wav()
    assert streamed[-1][1] == {"seconds": 0.2, "tokens": 5, "characters": 5}
    broken = events(voiced.json("POST", "/v1/synthesis", {**OWN, "answer": "events", "text": "break"}).text)
    assert broken[-1][0] == "problem"
    assert broken[-1][1]["reason"] == "BROKE_OFF"


@pytest.mark.parametrize(("path", "body"), [("/v1/synthesis", OWN), ("/tts", TTS), ("/v1/audio/speech", OPENAI)])
def test_words_that_are_not_spoken_are_told_in_a_header(voiced: Gateway, path: str, body: dict[str, Any]) -> None:
    field = "input" if "input" in body else "text"
    answer = voiced.json("POST", path, {**body, field: "Hello 你好 and Привет"})
    assert answer.status_code == 200
    assert json.loads(answer.headers["X-Left-Out"]) == ["你好", "Привет"]
    many = voiced.json("POST", path, {**body, field: " ".join("你" * n for n in range(1, 30))})
    assert json.loads(many.headers["X-Left-Out"]) == ["你" * n for n in range(1, 11)]
    assert "X-Left-Out" not in voiced.json("POST", path, body).headers


def test_words_that_are_not_spoken_are_told_in_json_and_events(voiced: Gateway) -> None:
    wish = {**OWN, "text": "Hello 你好"}
    assert voiced.json("POST", "/v1/synthesis", {**wish, "answer": "json"}).get_json()["left_out"] == ["你好"]
    streamed = events(voiced.json("POST", "/v1/synthesis", {**wish, "answer": "events"}).text)
    assert streamed[0][1]["left_out"] == ["你好"]
    assert voiced.json("POST", "/v1/synthesis", {**OWN, "answer": "json"}).get_json()["left_out"] == []


def test_marked_up_text_is_passed_on(voiced: Gateway) -> None:
    voiced.json("POST", "/v1/synthesis", {**OWN, "text": "<speak>a</speak>", "ssml": True})
    assert asked(voiced).utterance.ssml


@pytest.mark.parametrize(("path", "body"), [("/v1/synthesis", OWN), ("/tts", TTS), ("/v1/audio/speech", OPENAI)])
def test_overload_is_said_at_once(voiced: Gateway, path: str, body: dict[str, Any]) -> None:
    field = "input" if "input" in body else "text"
    answer = voiced.json("POST", path, {**body, field: "refuse"})
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "5"
    for _ in range(SYNTHESES):
        voiced.hub.limits.syntheses.take()
    full = voiced.json("POST", path, body)
    for _ in range(SYNTHESES):
        voiced.hub.limits.syntheses.give()
    assert full.status_code == 503
    assert full.headers["Retry-After"] == "5"
    assert voiced.json("POST", path, body).status_code == 200


def test_others_private_voices_do_not_exist(gateway: Gateway) -> None:
    gateway.world.add_voice("anna", "secret", private=True)
    bo, anna = gateway.login("bo"), gateway.login("anna")
    for token in ("", bo):
        assert gateway.json("POST", "/v1/synthesis", {**OWN, "voice": "anna/secret"}, token).status_code == 404
        assert gateway.json("POST", "/v1/audio/speech", {**OPENAI, "voice": "anna/secret"}, token).status_code == 404
        assert gateway.json("POST", "/tts", {**TTS, "ref_audio_path": "anna/secret"}, token).status_code == 400
    assert gateway.json("POST", "/v1/synthesis", {**OWN, "voice": "anna/secret"}, anna).status_code == 200


def test_tts_speaks_as_a_query_and_as_json(voiced: Gateway) -> None:
    answer = voiced.client.get("/tts", query_string={**TTS, "text_lang": "EN", "streaming_mode": "true"})
    assert answer.status_code == 200
    assert answer.data == wav()
    assert answer.headers["Content-Type"] == "audio/wav"
    assert asked(voiced).delivery == asked(voiced).DELIVERY_PIECES
    more = {"top_k": 5, "speed_factor": 1.2, "fragment_interval": 0.1, "text_split_method": "cut2", "batch_size": 4}
    answer = voiced.json("POST", "/tts", {**TTS, **more, "media_type": "ogg", "streaming_mode": 3, "seed": 7})
    assert answer.headers["Content-Type"] == "audio/ogg"
    said, manner = asked(voiced).utterance, asked(voiced).utterance.manner
    assert (asked(voiced).format, asked(voiced).delivery) == ("opus", asked(voiced).DELIVERY_CHUNKS)
    assert (manner.top_k, manner.cutting, manner.pause, manner.top_p) == (5, "cut2", 0.1, 1.0)
    assert (said.seed, said.speed, said.language) == (7, 1.2, "en")
    voiced.json("POST", "/tts", {**TTS, "media_type": "raw"})
    assert (asked(voiced).format, asked(voiced).utterance.seed) == ("pcm", -1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ref_audio_path": "", "text": ""}, "ref_audio_path is required"),
        ({"text": None}, "text is required"),
        ({"text_lang": ""}, "text_lang is required"),
        ({"text_lang": "fr", "prompt_lang": ""}, "text_lang: fr is not supported."),
        ({"prompt_lang": ""}, "prompt_lang is required"),
        ({"media_type": "aac", "text_split_method": "cut9"}, "media_type: aac is not supported."),
        ({"text_split_method": "cut9"}, "text_split_method: cut9 is not supported."),
        ({"ref_audio_path": "/data/reference.wav"}, "ref_audio_path: a hub opens no file that a visitor names."),
        ({"ref_audio_path": "data/reference.wav"}, "ref_audio_path: a hub opens no file that a visitor names."),
        ({"streaming_mode": 4}, "streaming_mode is not known."),
        ({"aux_ref_audio_paths": ["a.wav"]}, "aux_ref_audio_paths is not supported."),
        ({"speed_factor": "fast"}, "speed_factor is no number that is possible here."),
        ({"speed_factor": 0}, "speed_factor is no number that is possible here."),
        ({"seed": 10**400}, "seed is no number that is possible here."),
    ],
)
def test_tts_refuses_in_order_with_400(voiced: Gateway, change: dict[str, Any], message: str) -> None:
    answer = voiced.json("POST", "/tts", {**TTS, **change})
    assert answer.status_code == 400
    assert answer.get_json()["message"] == message
    assert answer.get_json()["Exception"]
    if not any(isinstance(value, list) for value in change.values()):  # a query has no lists
        given = {name: value for name, value in {**TTS, **change}.items() if value is not None}
        assert voiced.client.get("/tts", query_string=given).get_json()["message"] == message


@pytest.mark.parametrize("change", [{"seed": 5.0}, {"seed": -0.0}, {"sample_rate": 16_000.0}, {"seed": 10**400}])
def test_whole_numbers_are_written_as_such(voiced: Gateway, change: dict[str, Any]) -> None:
    answer = voiced.json("POST", "/v1/synthesis", {**OWN, **change})
    assert answer.status_code == 400, answer.text
    assert list(answer.get_json()["fields"]) == list(change)
    assert voiced.json("POST", "/v1/synthesis", {**OWN, "seed": 5, "speed": 1}).status_code == 200


def test_one_visitor_cannot_keep_all_slots(voiced: Gateway) -> None:
    slots, token = voiced.hub.limits.syntheses, voiced.login("anna")
    for _ in range(slots.each):
        slots.take("127.0.0.1")
    refused = voiced.json("POST", "/v1/synthesis", OWN)
    assert (refused.status_code, refused.get_json()["reason"]) == (429, "SHARE_TAKEN")
    assert "Retry-After" in refused.headers
    assert voiced.json("POST", "/v1/synthesis", OWN, token).status_code == 200
    slots.give("127.0.0.1")
    assert voiced.json("POST", "/v1/synthesis", OWN).status_code == 200
    for _ in range(slots.each - 1):
        slots.give("127.0.0.1")


def test_openai_errors_have_openais_shape(voiced: Gateway) -> None:
    answer = voiced.json("POST", "/v1/audio/speech", {**OPENAI, "response_format": "aac"})
    error = answer.get_json()["error"]
    assert answer.status_code == 400
    assert (error["type"], error["param"], error["code"]) == ("invalid_request_error", "response_format", "bad_request")
    assert "mp3" in error["message"]
    assert voiced.json("POST", "/v1/audio/speech", {}).get_json()["error"]["type"] == "invalid_request_error"
    unknown = voiced.json("POST", "/v1/audio/speech", OPENAI, "wrong").get_json()
    assert unknown["error"]["type"] == "authentication_error"
    assert voiced.client.post("/v1/audio/speech", data="x").status_code == 415


def test_the_document_describes_the_routes_and_their_errors() -> None:
    paths = document(all_routes())["paths"]
    others = (("/v1/audio/speech", "post", "error"), ("/tts", "get", "message"), ("/tts", "post", "message"))
    for path, method, key in others:
        told = paths[path][method]
        assert key in told["responses"]["default"]["content"]["application/json"]["schema"]["properties"]
        assert {} in told["security"]
    own = paths["/v1/synthesis"]["post"]["requestBody"]["content"]["application/json"]["schema"]["properties"]
    assert set(own["format"]["enum"]) == {"wav", "flac", "mp3", "opus", "pcm"}
    assert "application/problem+json" in paths["/v1/synthesis"]["post"]["responses"]["default"]["content"]


def test_the_real_openai_client(voiced: Gateway, address: str) -> None:
    client = openai.OpenAI(base_url=f"{address}/v1", api_key=voiced.login("anna"), max_retries=0)
    spoken = client.audio.speech.create(model="voicehub", voice="anna/narrator#happy", input="Hello", instructions="x")
    assert spoken.read() == wav()
    assert (asked(voiced).format, asked(voiced).utterance.prompt) == ("mp3", "happy")
    assert asked(voiced).delivery == asked(voiced).DELIVERY_CHUNKS
    client.audio.speech.create(model="voicehub", voice="anna/narrator", input="Hello", response_format="flac")
    assert asked(voiced).delivery == asked(voiced).DELIVERY_FILE
    with client.audio.speech.with_streaming_response.create(
        model="voicehub", voice={"id": "anna/narrator"}, input="Hello", response_format="pcm", speed=1.5
    ) as streaming:
        assert b"".join(streaming.iter_bytes()) == wav()
        assert streaming.headers["Transfer-Encoding"] == "chunked"
    assert (asked(voiced).format, asked(voiced).sample_rate, asked(voiced).utterance.speed) == ("pcm", 24_000, 1.5)
    with client.audio.speech.with_streaming_response.create(
        model="voicehub", voice="anna/narrator", input="Hello", stream_format="sse"
    ) as streaming:
        told = [data for _, data in events("\n".join(streaming.iter_lines()))]
    assert [one["type"] for one in told] == ["speech.audio.delta"] * 3 + ["speech.audio.done"]
    assert b"".join(base64.b64decode(one["audio"]) for one in told[:3]) == wav()
    assert told[3]["usage"]["total_tokens"] == 10
    with pytest.raises(openai.NotFoundError):
        client.audio.speech.create(model="voicehub", voice="anna/absent", input="Hello")
    with pytest.raises(openai.RateLimitError):
        client.audio.speech.create(model="voicehub", voice="anna/narrator", input="refuse")
    with pytest.raises(openai.AuthenticationError):
        openai.OpenAI(base_url=f"{address}/v1", api_key="wrong", max_retries=0).audio.speech.create(
            model="voicehub", voice="anna/narrator", input="Hello"
        )


def test_a_stream_that_breaks_off_does_not_look_whole(voiced: Gateway, address: str) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        httpx.post(f"{address}/v1/synthesis", json={**OWN, "answer": "stream", "text": "break"})
    assert httpx.post(f"{address}/v1/synthesis", json={**OWN, "answer": "stream"}).content == wav()


def test_a_visitor_who_does_not_read_is_let_go_without_alarm(
    voiced: Gateway, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(server, "SOCKET_SECONDS", 1)
    listener = server.listen("127.0.0.1:0")
    caplog.set_level("INFO")
    with listener, socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            try:
                accepted.sendall(bytes(64 << 20))
            except BlockingIOError:
                server.QuietLogger(server.Server(create_app(voiced.hub), lambda: None).cfg).exception("Socket error")
    assert [record.message for record in caplog.records if record.name == server.log.name] == [
        "a visitor stopped reading or sending"
    ]
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


@pytest.mark.parametrize(("answer", "text"), [("stream", "wait"), ("events", "wait"), ("file", "think")])
def test_a_visitor_who_leaves_ends_the_work(voiced: Gateway, address: str, answer: str, text: str) -> None:
    body = json.dumps({**OWN, "answer": answer, "text": text}).encode()
    host, port = address.removeprefix("http://").split(":")
    before = _under_way()
    with socket.create_connection((host, int(port))) as connection:
        head = ("POST /v1/synthesis HTTP/1.1", "Host: x", "Content-Type: application/json")
        connection.sendall("\r\n".join((*head, f"Content-Length: {len(body)}")).encode() + b"\r\n\r\n" + body)
        assert text == "think" or b"200 OK" in connection.recv(4096)
        _until(lambda: _under_way() == before + 1)
    _until(lambda: _under_way() == before)


def _under_way() -> float:
    return REGISTRY.get_sample_value("voicehub_gateway_streams", {"pool": "syntheses"}) or 0.0


def _until(reached: Callable[[], bool], seconds: float = 8.0) -> None:
    deadline, waiting = time.monotonic() + seconds, threading.Event()
    while not reached():
        assert time.monotonic() < deadline
        waiting.wait(0.01)
