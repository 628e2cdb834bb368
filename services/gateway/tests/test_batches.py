"""Batches over REST: what is passed on, what is served, to whom."""

from __future__ import annotations

import json

import pytest

from services.gateway.tests.batches import AUDIO, BATCH, UNPACKED, ZIP
from services.gateway.tests.conftest import Gateway
from services.stubs.voicehub.catalog.v1 import catalog_pb2 as catalog
from services.stubs.voicehub.inference.v1 import batch_pb2 as pb

PATH = f"/v1/batches/{BATCH}"
PLAN = {"voices": ["anna/narrator@main#calm"], "lines": [{"id": "a", "text": "Hello ü."}, {"text": ""}]}


@pytest.fixture
def token(gateway: Gateway) -> str:
    gateway.world.add_voice("anna", "narrator")
    gateway.world.add_voice("bo", "secret", private=True)
    return gateway.login("anna")


def test_a_batch_is_asked_for_with_resolved_voices(gateway: Gateway, token: str) -> None:
    plan = {**PLAN, "language": "en", "format": "flac", "seed": 5, "speed": 1.5}
    made = gateway.json("POST", "/v1/batches", plan, token, Idempotency_Key="once")
    assert (made.status_code, made.headers["Location"]) == (202, PATH)
    assert made.get_json()["voices"][0]["done"] == 2
    request = gateway.world.requests[-1]
    assert isinstance(request, pb.CreateBatchRequest)
    (voice,) = request.plan.voices
    assert (voice.name, voice.prompt, len(voice.version_id)) == ("anna/narrator@main#calm", "calm", 32)
    assert [json.loads(line) for line in request.plan.inline.splitlines()] == PLAN["lines"]
    wanted = (request.plan.language, request.plan.format, request.plan.seed, request.plan.speed)
    assert wanted == ("en", "flac", 5, 1.5)
    assert request.idempotency_key == "once"
    upload = gateway.upload(token, b"text\nHello\n", "lines.csv")
    estimate = gateway.json("POST", "/v1/batch-estimates", {"voices": PLAN["voices"], "upload": upload}, token)
    assert estimate.get_json()["refusals"][0]["reason"] == "empty"
    request = gateway.world.requests[-1]
    assert isinstance(request, pb.EstimateBatchRequest)
    assert request.plan.upload.size == len(b"text\nHello\n")


def test_a_long_key_is_told_in_a_form_that_services_keep(gateway: Gateway, token: str) -> None:
    keys = ["k" * 199 + end for end in "ab"]
    for key in (*keys, "k" * 128):
        assert gateway.json("POST", "/v1/batches", PLAN, token, Idempotency_Key=key).status_code == 202
    told = [one.idempotency_key for one in gateway.world.requests if isinstance(one, pb.CreateBatchRequest)]
    assert (len(set(told)), told[2]) == (3, "k" * 128)
    assert max(map(len, told)) <= 128


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"voices": ["bo/secret"]}, 404, "voices.0"),
        ({"voices": ["anna/narrator", "bo/absent"]}, 404, "voices.1"),
        ({"voices": []}, 400, "voices"),
        ({"voices": ["/srv/voice"]}, 400, "voices.0"),
        ({"format": "opus"}, 400, "format"),
        ({"lines": None}, 400, "lines"),
        ({"upload": "0" * 32}, 400, "upload"),
        ({"seed": -1}, 400, "seed"),
        ({"lines": [{"id": "hostile", "text": "x"}]}, 422, "list"),
    ],
)
def test_what_is_wrong_is_said_with_its_field(
    gateway: Gateway, token: str, change: dict[str, object], status: int, field: str
) -> None:
    for route in ("/v1/batches", *(["/v1/batch-estimates"] if field != "list" else [])):
        answer = gateway.json("POST", route, {**PLAN, **change}, token)
        assert answer.status_code == status, answer.text
        assert field in answer.get_json()["fields"]
        assert answer.get_json()["hint"]


def test_a_batch_is_followed_and_fetched(gateway: Gateway, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}", "Last-Event-ID": "1"}
    events = gateway.client.get(f"{PATH}/events", headers=headers).text
    assert [line for line in events.splitlines() if line.startswith("id")] == ["id: 2", "id: 3"]
    data = json.loads(next(line for line in events.splitlines() if line.startswith("data")).removeprefix("data: "))
    assert (data["batch"]["state"], data["takes"][0]["slot"]["overrun"]) == ("finished", 0.5)
    assert gateway.json("GET", f"{PATH}/takes?state=failed", token=token).get_json()["items"][0]["line"] == "a"
    request = gateway.world.requests[-1]
    assert isinstance(request, pb.ListTakesRequest)
    assert request.state == pb.TAKE_STATE_FAILED
    assert gateway.json("GET", f"{PATH}/manifest", token=token).text == '{"line": "a"}\n{"line": "b"}\n'
    whole = gateway.json("GET", f"{PATH}/zip", token=token)
    assert (whole.data, whole.headers["Cache-Control"]) == (ZIP, "private, no-cache")
    part = gateway.json("GET", f"{PATH}/zip", token=token, Range="bytes=100000-", If_Range=whole.headers["ETag"])
    assert (part.status_code, part.data) == (206, ZIP[100_000:])
    digest = gateway.json("GET", f"{PATH}/takes", token=token).get_json()["items"][0]["audio"]["digest"]
    audio = gateway.json("GET", f"{PATH}/audio/{digest}", token=token)
    assert (audio.data, audio.mimetype) == (AUDIO, "audio/wav")
    assert gateway.json("GET", f"/v1/batches/{UNPACKED}/zip", token=token).status_code == 409
    assert gateway.json("POST", f"{PATH}/cancel", token=token).get_json()["state"] == "cancelled"
    assert gateway.json("POST", f"{PATH}/resume", token=token).get_json()["state"] == "running"


@pytest.mark.parametrize("rest", ["", "/takes", "/events", "/manifest", "/zip", f"/audio/{'0' * 64}"])
def test_another_account_sees_what_is_not_there(gateway: Gateway, token: str, rest: str) -> None:
    other = gateway.login("bo")
    hidden = gateway.json("GET", f"{PATH}{rest}", token=other)
    absent = gateway.json("GET", f"/v1/batches/{'f' * 32}{rest}", token=other)
    assert (hidden.status_code, hidden.data) == (404, absent.data)
    assert gateway.json("GET", f"{PATH}{rest}").status_code == 401


def test_a_batch_is_resumed_only_with_voices_that_its_owner_may_still_hear(gateway: Gateway, token: str) -> None:
    """One that was made private, withdrawn or not shared any more spoke on."""
    world, voices = gateway.world, ("whole", "shared", "withdrawn")
    ids = {name: world.add_voice("bo", name).id for name in voices}
    done = {"whole": 3, "shared": 1, "withdrawn": 1}
    world.batch_voices[:] = [
        pb.BatchVoice(name=f"bo/{name}@main#calm", version_id=ids[name], total=3, done=done[name]) for name in voices
    ]
    world.repositories["bo", "whole"].visibility = catalog.VISIBILITY_PRIVATE
    assert gateway.json("POST", f"{PATH}/resume", token=token).status_code == 200, "all of the first is spoken"
    world.repositories["bo", "shared"].visibility = catalog.VISIBILITY_PRIVATE
    gateway.hub.remembered.forget()
    refused = gateway.json("POST", f"{PATH}/resume", token=token)
    asked = {**PLAN, "voices": ["anna/narrator", "bo/shared@main#calm"]}
    at_the_start = gateway.json("POST", "/v1/batches", asked, token)
    assert (refused.status_code, refused.get_json()["fields"]) == (404, at_the_start.get_json()["fields"])
    world.repositories["bo", "shared"].visibility = catalog.VISIBILITY_PUBLIC
    world.versions["bo", "withdrawn"][0].state = catalog.VERSION_STATE_QUARANTINED
    withdrawn = gateway.json("POST", f"{PATH}/resume", token=token)
    assert (withdrawn.status_code, list(withdrawn.get_json()["fields"])) == (422, ["voices.2"])
    assert sum(isinstance(one, pb.ResumeBatchRequest) for one in world.requests) == 1


def test_a_batch_is_resumed_with_the_version_that_it_began_with(gateway: Gateway, token: str) -> None:
    """Its ref may mean another one by now, which is not published yet."""
    world = gateway.world
    first = world.add_voice("bo", "moved")
    newer = catalog.Version()
    newer.CopyFrom(first)
    newer.id, newer.state = "e" * 32, catalog.VERSION_STATE_PUSHED
    world.versions["bo", "moved"].insert(0, newer)
    world.batch_voices[:] = [pb.BatchVoice(name="bo/moved@main", version_id=first.id, total=3, done=1)]
    assert gateway.json("POST", f"{PATH}/resume", token=token).status_code == 200
