"""A lost broker does not fill the disk: changes are refused, reading and logging in go on."""

from __future__ import annotations

from dataclasses import replace

from services.common.events import open_bus
from services.common.outbox import Relay
from services.gateway.rest.app import create_app
from services.gateway.tests.conftest import Gateway

BOUND = 3
REPOSITORY = {"name": "voice", "visibility": "public"}


def test_changes_are_refused_while_too_many_events_wait(gateway: Gateway) -> None:
    token = gateway.login("ann")
    gateway.client = create_app(replace(gateway.hub, outbox_bound=BOUND)).test_client()
    answers = [gateway.json("POST", "/v1/repos", {**REPOSITORY, "name": f"v{n}"}, token) for n in range(BOUND + 2)]
    assert answers[0].status_code == 201
    refused = answers[-1]
    assert refused.status_code == 503
    assert int(refused.headers["Retry-After"]) > 0
    assert refused.get_json()["reason"] == "OUTBOX_FULL"
    assert refused.get_json()["hint"]
    assert gateway.json("POST", "/v1/uploads", {"filename": "a.wav", "size": 1}, token).status_code == 503
    assert gateway.json("GET", "/v1/me", token=token).status_code == 200
    assert gateway.json("GET", "/v1/search?q=x").status_code == 200
    assert gateway.login("ann")

    bus = open_bus("sqlite:///" + str(gateway.hub.bases.parent / "events.sqlite"))
    Relay(gateway.hub.database, bus).relay_once()
    bus.close()
    assert gateway.json("POST", "/v1/repos", REPOSITORY, token).status_code == 201
