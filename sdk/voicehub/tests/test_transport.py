from __future__ import annotations

import json
from contextlib import nullcontext

import httpx
import pytest

from voicehub import errors, events
from voicehub.names import VoiceName, parse_name
from voicehub.sse import parse
from voicehub.tests.hub import Hub
from voicehub.transport import Transport


def test_patience_with_a_restarting_service(hub: Hub) -> None:
    hub.json["/v1/me"] = {"name": "ann"}
    pauses: list[float] = []
    transport = Transport(hub.url, sleep=pauses.append)
    assert transport.json("GET", "/v1/me") == {"name": "ann"}
    hub.busy = 5
    assert transport.json("GET", "/v1/me") == {"name": "ann"}
    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.6]


def test_no_hub_is_said_soon_with_what_to_do() -> None:
    pauses: list[float] = []
    with pytest.raises(errors.Unreachable) as caught:
        Transport("http://127.0.0.1:9", sleep=pauses.append).json("GET", "/v1/me")
    assert len(pauses) == 2
    assert "voicehub up" in caught.value.hint
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [(401, errors.NotLoggedIn, 4), (404, errors.NotFound, 1), (409, errors.Conflict, 4), (422, errors.Refused, 4),
     (429, errors.Refused, 4), (500, errors.Unreachable, 3)],
)  # fmt: skip
def test_problems_become_typed_errors(status: int, kind: type[errors.VoiceHubError], code: int) -> None:
    error = errors.from_problem(status, {"detail": "No.", "hint": "Do this.", "fields": {"a": "b"}})
    assert isinstance(error, kind)
    assert (error.message, error.hint, error.fields, error.exit_code) == ("No.", "Do this.", {"a": "b"}, code)


def test_an_answer_that_is_no_json() -> None:
    http = httpx.Client(
        base_url="http://x", transport=httpx.MockTransport(lambda _: httpx.Response(200, text="<html>"))
    )
    with pytest.raises(errors.Unreadable):
        Transport("http://x", http=http).json("GET", "/")


@pytest.mark.parametrize(
    ("status", "location", "said"),
    [
        (301, "https://x.example/v1/repos/a/b?q=1", "https://x.example"),
        (302, "/login", "http://hub/login"),
        (308, "https://y.example/hub/v1/repos/a/b?q=1", "https://y.example/hub"),
        (304, "", "304"),
    ],
)
def test_an_answer_that_leads_elsewhere_is_no_success(status: int, location: str, said: str) -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return httpx.Response(status, headers={"Location": location} if location else {})

    http = httpx.Client(base_url="http://hub", transport=httpx.MockTransport(answer))
    transport = Transport("http://hub", "token", http=http, sleep=lambda _: pytest.fail("it is no outage"))
    with pytest.raises(errors.Unreadable) as caught:
        transport.request("DELETE", "/v1/repos/a/b", params={"q": "1"})
    assert said in caught.value.message
    assert ("--hub" in caught.value.hint) == bool(location)
    with pytest.raises(errors.Unreadable):
        list(transport.events("/v1/repos/a/b", lambda _: False))
    assert asked == ["http://hub/v1/repos/a/b?q=1", "http://hub/v1/repos/a/b"]


@pytest.mark.parametrize(
    ("status", "reason", "tries"),
    [(409, "IDEMPOTENCY_IN_FLIGHT", 3), (429, "SHARE_TAKEN", 3), (409, "EXISTS", 1), (429, "RATE_LIMITED", 1)],
)
def test_a_request_that_another_one_stands_in_the_way_of_waits(status: int, reason: str, tries: int) -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return httpx.Response(201 if len(asked) == 3 else status, json={"reason": reason})

    http = httpx.Client(base_url="http://x", transport=httpx.MockTransport(answer))
    transport = Transport("http://x", http=http, sleep=lambda _: None)
    with nullcontext() if tries == 3 else pytest.raises(errors.VoiceHubError):
        transport.json("POST", "/v1/repos", body={})
    assert len(asked) == tries


def test_a_stream_waits_for_its_share() -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        taken = httpx.Response(429, json={"reason": "SHARE_TAKEN"})
        return taken if len(asked) < 3 else httpx.Response(200, content=b"bytes")

    http = httpx.Client(base_url="http://x", transport=httpx.MockTransport(answer))
    pauses: list[float] = []
    with Transport("http://x", http=http, sleep=pauses.append).stream("/v1/object") as response:
        assert response.read() == b"bytes"
    assert pauses == [0.1, 0.2]


def test_one_idempotency_key_through_all_retries() -> None:
    keys: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        keys.append(request.headers["Idempotency-Key"])
        return httpx.Response(503 if len(keys) < 3 else 201, json={})

    http = httpx.Client(base_url="http://x", transport=httpx.MockTransport(answer))
    Transport("http://x", http=http, sleep=lambda _: None).json("POST", "/v1/repos", body={})
    assert len(keys) == 3
    assert len(set(keys)) == 1


def test_events_resume_after_the_last_one_seen(hub: Hub) -> None:
    def progress(sequence: int, state: str) -> list[str]:
        data = {"job": {"state": state}, "progress": {"sequence": sequence, "step": "train"}}
        return [f"id: {sequence}", "event: progress", f"data: {json.dumps(data)}", ""]

    hub.events = [progress(1, "running") + progress(2, "running"), progress(2, "running") + progress(3, "succeeded")]
    transport = Transport(hub.url, sleep=lambda _: None)
    assert [p.sequence for p in events.progress(transport, "j")] == [1, 2, 3]
    assert hub.requests[-1][2]["Last-Event-ID"] == "2"


def test_event_stream_syntax() -> None:
    lines = [": comment", "event: state", "data: {", 'data: "a": 1}', "id: 7", "", "data: cut off"]
    (event,) = parse(lines)
    assert (event.event, event.json(), event.id) == ("state", {"a": 1}, "7")


@pytest.mark.parametrize("text", ["", "a", "a/", "/b", "a/b/c", "a/b@", "../b", "a/b?x", "a/ b", "a" * 70 + "/b"])
def test_names_that_name_nothing(text: str) -> None:
    with pytest.raises(errors.UsageError):
        parse_name(text)


def test_names() -> None:
    assert parse_name("ann/voice@v1") == VoiceName("ann", "voice", "v1")
    assert parse_name("ann/voice").version_path == "/v1/repos/ann/voice/versions/main"
