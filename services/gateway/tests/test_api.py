"""The API against its own document, and what it says when something is wrong."""

from __future__ import annotations

import http.client
import json
import socket
from types import ModuleType
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator

from services.gateway import clients
from services.gateway.rest.body import parse
from services.gateway.rest.openapi import document
from services.gateway.routes import all_routes, batches, training
from services.gateway.tests.batches import BATCH
from services.gateway.tests.conftest import Gateway
from services.gateway.tests.upstreams import JOB

DECLARATION = {"source": "myself", "license": "CC0-1.0", "consent": "self"}
VERSION = "/v1/repos/anna/narrator/versions"


def _operation(operation: str) -> dict[str, Any]:
    paths = document(all_routes())["paths"].values()
    return next(op for path in paths for op in path.values() if op["operationId"] == operation)


def _check(operation: str, status: int, body: Any) -> None:
    declared = _operation(operation)["responses"][str(status)]["content"]["application/json"]["schema"]
    whole = document(all_routes())
    Draft202012Validator({**declared, "components": whole["components"]}).validate(body)


@pytest.mark.parametrize(
    ("operation", "path"),
    [
        ("list_repositories", "/v1/repos"),
        ("get_repository", "/v1/repos/anna/narrator"),
        ("list_versions", VERSION),
        ("get_version", VERSION + "/main"),
        ("get_report", VERSION + "/main/report"),
        ("search_voices", "/v1/search?q=english"),
        ("list_comments", "/v1/repos/anna/narrator/comments"),
        ("list_bases", "/v1/bases"),
        ("list_training_jobs", "/v1/training-jobs"),
        ("get_training_job", f"/v1/training-jobs/{JOB}"),
        ("list_batches", "/v1/batches"),
        ("get_batch", f"/v1/batches/{BATCH}"),
        ("list_takes", f"/v1/batches/{BATCH}/takes"),
        ("get_me", "/v1/me"),
        ("list_tokens", "/v1/tokens"),
    ],
)
def test_answers_are_as_the_document_says(gateway: Gateway, operation: str, path: str) -> None:
    gateway.world.add_voice("anna", "narrator")
    answer = gateway.json("GET", path, token=gateway.login("anna"))
    assert answer.status_code == 200
    _check(operation, 200, answer.get_json())


def test_json_follows_the_house(gateway: Gateway) -> None:
    gateway.world.add_voice("anna", "narrator")
    version = gateway.json("GET", VERSION + "/main").get_json()
    assert version["state"] == "published"
    assert version["tensors"][0]["size"] == 262144
    assert version["tensors"][0]["shape"] == [256, 256]
    assert version["create_time"].endswith("Z")
    assert version["card"]["languages"] == ["en"]
    assert gateway.json("GET", "/v1/repos/anna/narrator").get_json()["visibility"] == "public"


def test_push(gateway: Gateway) -> None:
    token = gateway.login("anna")
    file = {"role": "s1", "filename": "tiny.ckpt", "upload": gateway.upload(token, b"weights")}
    body = {"message": "first", "card": {"languages": ["en"]}, "declaration": DECLARATION, "files": [file]}
    made = gateway.json("POST", VERSION, body, token, Idempotency_Key="once")
    assert made.status_code == 201
    _check("create_version", 201, made.get_json())
    assert gateway.json("POST", VERSION, body, token, Idempotency_Key="once").get_json() == made.get_json()
    (request,) = gateway.world.requests
    assert (request.files[0].object.size, request.idempotency_key) == (7, "once")  # type: ignore[attr-defined]
    without = {key: value for key, value in body.items() if key != "declaration"}
    refused = gateway.json("POST", VERSION, without, token)
    assert refused.status_code == 400
    assert "declaration" in refused.get_json()["detail"]
    misspelt = gateway.json("POST", VERSION, body | {"massage": "first"}, token)
    assert misspelt.get_json()["detail"] == "body has unknown properties: massage."


def test_only_own_and_complete_uploads_can_be_pushed(gateway: Gateway) -> None:
    anna, bert = gateway.login("anna"), gateway.login("bert")
    begun = gateway.json("POST", "/v1/uploads", {"filename": "a", "size": 9}, anna).get_json()["id"]
    for upload, reason in ((gateway.upload(bert, b"x"), "UPLOAD_MISSING"), (begun, "UPLOAD_INCOMPLETE")):
        file = {"role": "s1", "filename": "tiny.ckpt", "upload": upload}
        body = {"message": "", "card": {}, "declaration": DECLARATION, "files": [file]}
        answer = gateway.json("POST", VERSION, body, anna)
        assert (answer.status_code, answer.get_json()["reason"]) == (422, reason)
        assert "files.0.upload" in answer.get_json()["fields"]


def test_training(gateway: Gateway) -> None:
    token = gateway.login("anna")
    body = {"name": "narrator", "upload": gateway.upload(token, b"RIFF"), "transcript": "Hello", "language": "en"}
    made = gateway.json("POST", "/v1/training-jobs", {**body, "declaration": DECLARATION}, token)
    assert made.status_code == 202
    assert made.get_json()["state"] == "queued"
    empty = gateway.json("POST", "/v1/training-jobs", {**body, "transcript": "", "declaration": DECLARATION}, token)
    assert (empty.status_code, empty.get_json()["hint"]) == (422, "Write what is said.")
    assert gateway.json("POST", "/v1/training-jobs", body, token).status_code == 400


def test_training_events_go_on_where_they_stopped(gateway: Gateway) -> None:
    token, path = gateway.login("anna"), f"/v1/training-jobs/{JOB}/events"
    whole = gateway.json("GET", path, token=token)
    assert whole.mimetype == "text/event-stream"
    numbers = [line.removeprefix("id: ") for line in whole.text.splitlines() if line.startswith("id:")]
    assert numbers == ["1", "2", "3", "4", "0"]  # the last says how the job ended and is no step
    rest = gateway.json("GET", path, token=token, Last_Event_ID="3")
    data, ended = (json.loads(line[6:]) for line in rest.text.splitlines() if line.startswith("data: "))
    assert data["progress"]["step"] == "push"
    assert (data["job"]["state"], ended["job"]["state"]) == ("running", "succeeded")
    assert gateway.json("GET", "/v1/training-jobs/" + "f" * 32 + "/events", token=token).status_code == 404


@pytest.mark.parametrize("module", [training, batches])
def test_a_stream_that_has_lasted_long_enough_ends_without_a_problem(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, module: ModuleType
) -> None:
    monkeypatch.setattr(module, "LONGEST_SECONDS", 0.2)
    path = f"/v1/training-jobs/{JOB}/events" if module is training else f"/v1/batches/{BATCH}/events"
    followed = gateway.json("GET", path, token=gateway.login("anna"), Last_Event_ID="9")
    assert followed.text == "retry: 2000\n\n"  # whoever still wants to know connects again


def test_version_events_end_with_the_road(gateway: Gateway) -> None:
    gateway.world.add_voice("anna", "narrator")
    stream = gateway.json("GET", VERSION + "/main/events")
    assert "event: state" in stream.text
    assert '"state": "published"' in stream.text


def test_repositories_are_made_and_hidden_by_their_owner(gateway: Gateway) -> None:
    anna, bert = gateway.login("anna"), gateway.login("bert")
    new = {"name": "narrator", "visibility": "public"}
    assert gateway.json("POST", "/v1/repos", {**new, "owner": "anna"}, bert).status_code == 403
    made = gateway.json("POST", "/v1/repos", new, anna)
    assert (made.status_code, made.headers["Location"]) == (201, "/v1/repos/anna/narrator")
    _check("create_repository", 201, made.get_json())
    change = {"visibility": "private"}
    assert gateway.json("PATCH", "/v1/repos/anna/narrator", change, bert).status_code == 403
    assert gateway.json("PATCH", "/v1/repos/anna/narrator", change, anna).get_json()["visibility"] == "private"
    assert gateway.json("GET", "/v1/repos/anna/narrator", token=bert).status_code == 404
    assert gateway.json("GET", "/v1/repos", token=bert).get_json()["items"] == []


def test_jobs_are_cancelled_and_resumed(gateway: Gateway) -> None:
    token, path = gateway.login("anna"), f"/v1/training-jobs/{JOB}"
    assert gateway.json("POST", f"{path}/cancel", token=token).get_json()["state"] == "cancelled"
    assert gateway.json("POST", f"{path}/resume", token=token).get_json()["state"] == "running"
    assert gateway.json("POST", f"{path}/cancel").status_code == 401


def test_reports(gateway: Gateway) -> None:
    gateway.world.add_voice("anna", "narrator")
    path, body = "/v1/repos/anna/narrator/reports", {"reason": "It is my voice."}
    made = gateway.json("POST", path, body, gateway.login("bert"))
    assert (made.status_code, made.get_json()) == (201, {"report_id": "f" * 32})
    assert gateway.json("POST", path, body).status_code == 401


def test_sarif(gateway: Gateway) -> None:
    gateway.world.add_voice("anna", "narrator")
    sarif = gateway.json("GET", VERSION + "/main/report?format=sarif").get_json()
    (result,) = sarif["runs"][0]["results"]
    assert (sarif["version"], result["level"], result["ruleId"]) == ("2.1.0", "error", "pickle-call")


def test_people(gateway: Gateway) -> None:
    gateway.world.add_voice("anna", "narrator")
    bert = gateway.login("bert")
    assert gateway.json("PUT", "/v1/repos/anna/narrator/star").status_code == 401
    assert gateway.json("PUT", "/v1/repos/anna/narrator/star", token=bert).get_json()["stars"] == 1
    assert gateway.json("DELETE", "/v1/repos/anna/narrator/star", token=bert).get_json()["stars"] == 0
    text = "<script>alert(1)</script> 好听"
    made = gateway.json("POST", "/v1/repos/anna/narrator/comments", {"text": text}, bert)
    assert (made.status_code, made.get_json()["text"], made.get_json()["author"]) == (201, text, "bert")


@pytest.mark.parametrize("method", ["get", "post", "put", "delete", "patch", "trace", "propfind"])
@pytest.mark.parametrize("path", ["/nothing", "/v1", "/v1/search/", "//v1/search", "/v1/search", "/page/../../x"])
def test_what_is_not_there_is_said_with_a_hint(gateway: Gateway, method: str, path: str) -> None:
    answer = gateway.client.open(path, method=method.upper())
    if (method, path) == ("get", "/v1/search"):
        assert answer.status_code == 200
        return
    assert answer.status_code in (404, 405)
    assert answer.mimetype == "application/problem+json"
    assert answer.get_json()["hint"]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b'{"a": NaN}',
        b'{"a": 1e999}',
        b'{"a":1,"a":2}',
        b'"\\ud800"',
        b'"\\u0000"',
        b"[" * 5000,
        b"1" * 5000,
    ],
)
def test_broken_json_is_refused(raw: bytes) -> None:
    with pytest.raises(Exception, match="cannot be read") as caught:
        parse(raw)
    assert type(caught.value).__name__ == "Invalid"


def test_bodies_of_the_wrong_kind(gateway: Gateway) -> None:
    form = gateway.client.post("/v1/accounts", data={"name": "anna"})
    assert form.status_code == 415
    packed = gateway.client.post(
        "/v1/accounts", data=b"{}", headers={"Content-Type": "application/json", "Content-Encoding": "gzip"}
    )
    assert packed.status_code == 415
    large = gateway.client.post("/v1/accounts", data=b" " * (2 << 20), headers={"Content-Type": "application/json"})
    assert large.status_code == 413
    assert all(answer.get_json()["hint"] for answer in (form, packed, large))


@pytest.mark.parametrize(("path", "status"), [("/v1/accounts", 413), ("/tts", 400), ("/v1/search/sound", 401)])
def test_the_answer_to_a_body_that_is_too_large_is_the_last_of_its_connection(
    address: str, path: str, status: int
) -> None:
    host, _, port = address.removeprefix("http://").rpartition(":")
    head = f"POST {path} HTTP/1.1\r\nHost: hub\r\nContent-Type: application/json\r\n"
    with socket.create_connection((host, int(port)), timeout=20) as connection:
        connection.sendall(f"{head}Content-Length: 2\r\n\r\n{{}}".encode())
        small = http.client.HTTPResponse(connection)
        small.begin()
        assert (small.status >= 400, small.headers["Connection"]) == (True, "keep-alive")
        small.read()
        connection.sendall(f"{head}Content-Length: {300 << 20}\r\n\r\n".encode() + bytes(1 << 20))
        large = http.client.HTTPResponse(connection)
        large.begin()
        assert (large.status, large.headers["Connection"]) == (status, "close")
        large.read()
        assert connection.recv(1) == b""
    json_ = {"Content-Type": "application/json"}
    whole = httpx.post(f"{address}{path}", content=bytes(20 << 20), headers=json_)  # it sends all of it before it reads
    assert (whole.status_code, whole.headers["Connection"]) == (status, "close")


def test_a_service_that_is_away_is_503(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "QUICK_SECONDS", 0.3)
    gateway.upstream.stop(None).wait()
    answer = gateway.json("GET", "/v1/search?q=x")
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.get_json()["hint"]
    health = gateway.json("GET", "/healthz").get_json()
    assert health == {"status": "ok", "services": dict.fromkeys(clients.UPSTREAMS, "down")}


def test_the_page_is_guarded(gateway: Gateway) -> None:
    page = gateway.client.get("/")
    policy = page.headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert b"<script>" not in page.data
    assert gateway.client.get("/page/js/main.js").mimetype == "text/javascript"
    assert gateway.client.get("/page/%2e%2e/package.json").status_code == 404


@pytest.mark.parametrize(
    ("query", "headers", "told"),
    [
        ("q=" + "a" * 9000, {}, (414, "Shorten the query.")),
        ("q=a", {"X-Long": "a" * 20_000}, (431, "Send fewer or shorter headers.")),
    ],
)
def test_what_is_too_long_for_the_server_is_told_as_such(
    address: str, query: str, headers: dict[str, str], told: tuple[int, str]
) -> None:
    answer = httpx.get(f"{address}/v1/search?{query}", headers=headers)
    assert (answer.status_code, answer.json()["hint"]) == told
