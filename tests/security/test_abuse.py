"""Somebody with an account who wants what is not theirs, over REST: credits, roles, a look at private things."""

from __future__ import annotations

import json
import re
import threading
from dataclasses import replace
from typing import Any

import pytest

from tests.security.conftest import Hub
from tests.security.hub import Answer, Attacker
from tests.security.mutations import Operation
from tests.security.test_hostile_routes import DECLARATION, DOCUMENT, KNOWN, OPERATIONS

START = 10_000
OWN = ("accounts", "uploads", "organisations")
"""Tags of what has nothing to do with repositories."""


def balance(hub: Hub, token: str) -> int:
    return int(hub.attacker.json("GET", "/v1/credits", None, token).json()["balance"])


def together(hub: Hub, bodies: list[dict[str, Any]], token: str, keys: list[str]) -> list[Answer]:
    """All gifts at the same moment, each over a connection of its own."""
    start, answers = threading.Barrier(len(bodies)), dict[int, Answer]()

    def give(number: int) -> None:
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        headers["Idempotency-Key"] = keys[number]
        attacker = Attacker(hub.attacker.address)
        start.wait()
        answers[number] = attacker.send("POST", "/v1/credits/gifts", headers, json.dumps(bodies[number]).encode())

    threads = [threading.Thread(target=give, args=(number,)) for number in range(len(bodies))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [answers[number] for number in range(len(bodies))]


def test_nobody_gives_more_than_there_is_however_quickly(hub: Hub) -> None:
    giver, taker = hub.attacker.login("giver"), hub.attacker.login("taker")
    gift = {"to": "taker", "amount": 3000}
    answers = together(hub, [gift] * 8, giver, [f"race-{number}" for number in range(8)])
    statuses = sorted(answer.status for answer in answers)
    assert statuses == [201] * 3 + [422] * 5
    assert {one.json()["reason"] for one in answers if one.status == 422} == {"TOO_FEW_CREDITS"}
    assert (balance(hub, giver), balance(hub, taker)) == (START - 9000, START + 9000)


def test_one_gift_is_given_once_however_often_it_is_sent(hub: Hub) -> None:
    sender, friend = hub.attacker.login("sender"), hub.attacker.login("friend")
    gift = {"to": "friend", "amount": 7}
    answers = together(hub, [gift] * 6, sender, ["same"] * 6)
    assert {answer.status for answer in answers} <= {201, 409}
    assert {one.json()["reason"] for one in answers if one.status == 409} <= {"IDEMPOTENCY_IN_FLIGHT"}
    other = together(hub, [{"to": "friend", "amount": 8}], sender, ["same"])
    assert (other[0].status, other[0].json()["reason"]) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert (balance(hub, sender), balance(hub, friend)) == (START - 7, START + 7)
    entries = hub.attacker.json("GET", "/v1/credits/entries", None, sender).json()["items"]
    assert [(one["kind"], one["amount"]) for one in entries] == [("gift", -7), ("start", START)]


@pytest.mark.parametrize("amount", [-1, 0, 1.5, "7", True, None, [1], 10**30, 2**63, -(2**63), 1e400])
def test_an_amount_is_a_number_of_credits(hub: Hub, amount: Any) -> None:
    token = hub.attacker.login("trickster")
    before = balance(hub, token)
    answer = hub.attacker.json("POST", "/v1/credits/gifts", {"to": "mallory", "amount": amount}, token)
    assert answer.status in (400, 422), answer.body
    assert balance(hub, token) == before


@pytest.mark.parametrize("to", ["trickster", "nobody-of-that-name", "hub:mint", "hub:spent", "TRICKSTER", "", "a b"])
def test_a_gift_is_to_somebody_else_who_is_there(hub: Hub, to: str) -> None:
    token = hub.attacker.login("trickster")
    before = balance(hub, token)
    answer = hub.attacker.json("POST", "/v1/credits/gifts", {"to": to, "amount": 1}, token)
    assert answer.status in (400, 404, 422), answer.body
    assert balance(hub, token) == before


def test_an_organisation_spends_nothing_and_is_given_nothing(hub: Hub) -> None:
    token = hub.attacker.login("trickster")
    hub.attacker.json("POST", "/v1/organisations", {"name": "tricksters"}, token)
    answer = hub.attacker.json("POST", "/v1/credits/gifts", {"to": "tricksters", "amount": 1}, token)
    assert answer.status == 404


@pytest.fixture(scope="module")
def private(hub: Hub) -> str:
    """The id of a version in `victim/secret`."""
    token = hub.attacker.login("victim")
    files = [
        {"role": role, "filename": f"a.{end}", "upload": hub.attacker.upload(token, b"mine", f"a.{end}")}
        for role, end in (("s1", "ckpt"), ("s2", "pth"))
    ]
    card = {"languages": ["en"], "gender": "male"}
    body = {"message": "m", "card": card, "declaration": DECLARATION, "visibility": "private", "files": files}
    made = hub.attacker.json("POST", "/v1/repos/victim/secret/versions", body, token)
    assert made.status == 201, made.body
    return str(made.json()["id"])


@pytest.mark.parametrize(("path", "method"), OPERATIONS, ids=[f"{m} {p}" for p, m in OPERATIONS])
def test_what_is_private_is_answered_as_what_is_not_there(hub: Hub, private: str, path: str, method: str) -> None:
    spec = DOCUMENT["paths"][path][method]
    if set(spec["tags"]) & set(OWN):
        return
    for token in (hub.fresh(), ""):
        told = [
            _asked(hub, Operation(method.upper(), path, spec, _known(hub, name, private)), token)
            for name in ("secret", "absent")
        ]
        secret, absent = ((one.status, _plain(one.body)) for one in told)
        assert secret == absent


def _known(hub: Hub, name: str, version: str) -> dict[str, Any]:
    voice = f"victim/{name}"
    return {
        **KNOWN, "owner": "victim", "name": name, "voice": voice, "voices": [voice], "base": f"{voice}@{version}",
        "head_owner": "victim", "head_name": name, "head": version, "version": version, "ref": version,
        "ref_audio_path": voice, "upload": hub.upload, "base_version": {"owner": "victim", "name": name},
    }  # fmt: skip


def _asked(hub: Hub, operation: Operation, token: str) -> Answer:
    shot = operation.valid()
    names = [p["name"] for p in operation.spec.get("parameters", ()) if p["in"] == "query"]
    query = "&".join(f"{name}={operation.known[name]}" for name in names if name in operation.known)
    headers = {**shot.headers, **({"Authorization": f"Bearer {token}"} if token else {})}
    shot = replace(shot, path=f"{shot.path}?{query}" if query else shot.path)
    return hub.attacker.send(shot.method, shot.path, headers, shot.body)


def _plain(body: bytes) -> str:
    """Without the name, and without ids and times of what the request has made of one's own."""
    text = re.sub(r"secret|absent", "…", body.decode(errors="replace"))
    return re.sub(r'"(id": "[0-9a-f]{32}|create_time": "[^"]*)"', "", text)


def test_a_dataset_does_not_tell_that_something_happened_to_private_voices(hub: Hub, private: str) -> None:
    told = []
    for _ in range(2):
        made = hub.attacker.json("POST", "/v1/datasets", {"query": "gender:male"}, hub.fresh())
        told.append((made.status, _plain(made.body)))
        changed = {"visibility": "private"}
        done = hub.attacker.json("PATCH", "/v1/repos/victim/secret", changed, hub.attacker.login("victim"))
        assert done.status == 200
    assert told[0] == told[1]
