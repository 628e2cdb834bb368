"""Every route of the OpenAPI document against generic mutations and a hand-made list: 4xx with a hint, never a 5xx."""

from __future__ import annotations

import json
import socket
import struct
import zipfile
from io import BytesIO
from typing import Any

import pytest

from services.gateway.rest.openapi import document
from services.gateway.routes import all_routes
from tests.security.conftest import Hub
from tests.security.hub import Answer, failures
from tests.security.mutations import Operation, Shot

DOCUMENT = document(all_routes())
PROBLEM = "application/problem+json"
METHODS = ("get", "put", "post", "delete", "patch")
OPERATIONS = [
    (path, method) for path, operations in DOCUMENT["paths"].items() for method in METHODS if method in operations
]
DECLARATION = {"source": "myself", "license": "CC0-1.0", "consent": "self"}
KNOWN: dict[str, Any] = {
    "owner": "mallory",
    "name": "target",
    "ref": "main",
    "digest": "0" * 64,
    "file": "0" * 64,
    "job": "0" * 32,
    "token": "0" * 32,
    "password": "correct horse battery",
    "voice": "mallory/target",
    "voices": ["mallory/target"],
    "batch": "0" * 32,
    "language": "en",
    "text": "Hello",
    "text_lang": "en",
    "prompt_lang": "en",
    "ref_audio_path": "mallory/target",
    "model": "voicehub",
    "input": "Hello",
    "card": {"languages": ["en"], "gender": "male"},
    "role": "s1",
    "filename": "tiny.ckpt",
    "declaration": DECLARATION,
    "visibility": "public",
    "transcript": "Hello",
}


def _judge(shot: Shot, answer: Answer) -> str:
    """What is wrong with an answer; empty when it is as it should be."""
    what = f"{shot.method} {shot.path[:80]} [{shot.what}] -> {answer.status} {answer.body[:200]!r}"
    if answer.status >= 500:
        return f"a server error: {what}"
    if answer.status < 400:
        return ""
    own_shape = _own_shape(shot)
    if answer.headers.get("Content-Type") != own_shape and answer.headers["Content-Type"] != PROBLEM:
        return f"no problem document: {what}"
    body = answer.json()
    told = json.dumps(body)
    if answer.headers["Content-Type"] == own_shape:
        said = body.get("error", body)  # as OpenAI's or GPT-SoVITS' API says it: the hint is part of the text
        body = {"detail": said.get("message"), "hint": said.get("Exception", said.get("message"))}
    if not body.get("hint") or not body.get("detail"):
        return f"no hint: {what}"
    leaks = [word for word in ("Traceback", "site-packages", "sqlalchemy", "services/", ".py") if word in told]
    return f"leaks {leaks}: {what}" if leaks else ""


def _own_shape(shot: Shot) -> str:
    """The media type of errors on routes that follow another API, as the document declares it; empty for others."""
    operation = DOCUMENT["paths"].get(shot.path.split("?")[0], {}).get(shot.method.lower())
    declared = next(iter(operation["responses"]["default"]["content"])) if operation else PROBLEM
    return "" if declared == PROBLEM else str(declared)


def _fire(hub: Hub, shots: list[Shot], token: str) -> list[str]:
    wrong = []
    for shot in shots:
        headers = {"Authorization": f"Bearer {token}", **shot.headers}
        reason = _judge(shot, hub.attacker.send(shot.method, shot.path, headers, shot.body))
        wrong += [reason] if reason else []
    return wrong


def test_the_hub_serves_the_document_that_is_tested(hub: Hub) -> None:
    assert hub.attacker.send("GET", "/openapi.json", {}).json() == DOCUMENT
    assert len(OPERATIONS) > 30


@pytest.mark.parametrize(("path", "method"), OPERATIONS, ids=[f"{m} {p}" for p, m in OPERATIONS])
def test_mutations_of(hub: Hub, path: str, method: str) -> None:
    known = {**KNOWN, "upload": hub.upload}
    operation = Operation(method.upper(), path, DOCUMENT["paths"][path][method], known)
    shots = list(operation.shots())
    assert len(shots) > 10
    assert _fire(hub, shots, hub.fresh()) == []


@pytest.mark.parametrize(("path", "method"), OPERATIONS, ids=[f"{m} {p}" for p, m in OPERATIONS])
def test_who_may_not_is_told_so(hub: Hub, path: str, method: str) -> None:
    spec = DOCUMENT["paths"][path][method]
    shot = Operation(method.upper(), path, spec, {**KNOWN, "upload": hub.upload}).valid()
    answer = hub.attacker.send(shot.method, shot.path, shot.headers, shot.body)
    assert _judge(shot, answer) == ""
    if {} not in spec["security"]:
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_methods_that_are_not_declared(hub: Hub) -> None:
    for path, operations in DOCUMENT["paths"].items():
        for method in ("GET", "PUT", "POST", "DELETE", "PATCH", "TRACE", "CONNECTED"):
            if method.lower() in operations:
                continue
            shot = Operation(method, path, next(iter(operations.values())), KNOWN).valid()
            answer = hub.attacker.send(method, shot.path, shot.headers, shot.body)
            assert _judge(shot, answer) == ""
            assert answer.status in (404, 405)


def _zip_bomb() -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\0" * (32 << 20))
    return buffer.getvalue()


def _wav(frames: int, announced: int, rate: int = 16_000) -> bytes:
    head = struct.pack(
        "<4sI8sIHHIIHH4sI", b"RIFF", announced, b"WAVEfmt ", 16, 1, 1, rate, rate * 2, 2, 16, b"data", announced
    )
    return head + b"\0\0" * frames


RECORDINGS = {
    "empty-ish": b"\0",
    "text": b"this is not audio" * 100,
    "truncated wav": _wav(1000, 2_000_000)[:40],
    "wav that claims 4 GiB": _wav(1000, 0xFFFFFFFF),
    "wav at 0 Hz": _wav(16_000, 32_000, 0),
    "silence of a minute": _wav(60 * 16_000, 120 * 16_000),
    "zip bomb": _zip_bomb(),
    "pickle": b"cos\nsystem\n(S'true'\ntR.",
    "flac head": b"fLaC" + b"\xff" * 200,
    "ogg head": b"OggS" + b"\xff" * 200,
    "mp4 head": b"\0\0\0\x18ftypM4A " + b"\xff" * 200,
}


@pytest.mark.parametrize("kind", RECORDINGS)
def test_recordings_that_are_none_are_refused_with_what_to_do(hub: Hub, kind: str) -> None:
    token = hub.fresh()
    body = {
        "name": "hostile",
        "upload": hub.attacker.upload(token, RECORDINGS[kind], "recording.wav"),
        "transcript": "Hello",
        "language": "en",
        "declaration": DECLARATION,
    }
    answer = hub.attacker.json("POST", "/v1/training-jobs", body, token)
    assert 400 <= answer.status < 500, answer.body
    assert _judge(Shot("POST", "/v1/training-jobs", what=kind), answer) == ""


@pytest.mark.parametrize("name", ["../x", "a/b", "a\\b", "a\x00b", "\r\nx", "x" * 256])
def test_filenames_cannot_leave_their_folder(hub: Hub, name: str) -> None:
    answer = hub.attacker.json("POST", "/v1/uploads", {"filename": name, "size": 1}, hub.fresh())
    assert answer.status == 400
    assert answer.json()["hint"]


POST = b"POST /v1/accounts HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
NOT_HTTP = {
    "noise": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "no version": b"GET /\r\n\r\n",
    "odd version": b"GET / HTTP/9.9\r\n\r\n",
    "long line": b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "large header": b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 70_000 + b"\r\n\r\n",
    "many headers": b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 500 + b"\r\n",
    "negative length": POST + b"Content-Length: -5\r\n\r\n",
    "two lengths": POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef",
    "length and chunks": POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "unknown coding": POST + b"Transfer-Encoding: gzip\r\n\r\nabc",
    "bad chunk": POST + b"Transfer-Encoding: chunked\r\n\r\nZZ\r\n\r\n",
    "folded header": b"GET / HTTP/1.1\r\nHost: x\r\n Y: z\r\n\r\n",
    "NUL in a header": b"GET / HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n",
}


@pytest.mark.parametrize("kind", NOT_HTTP)
def test_what_is_not_http_gets_a_4xx_or_a_closed_door(hub: Hub, kind: str) -> None:
    host, _, port = hub.attacker.address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=60) as raw:
        raw.sendall(NOT_HTTP[kind])
        raw.shutdown(socket.SHUT_WR)
        answer = b""
        try:
            while piece := raw.recv(65_536):
                answer += piece
        except ConnectionResetError:
            assert answer == b"" or answer.startswith(b"HTTP/1.1 4")
            return
    assert answer == b"" or answer.startswith(b"HTTP/1.1 4"), answer[:300]
    if answer:
        assert b"hint" in answer
        assert b"Traceback" not in answer


def test_no_service_wrote_of_a_failure_nobody_foresaw(hub: Hub) -> None:
    assert failures(hub.data) == []
