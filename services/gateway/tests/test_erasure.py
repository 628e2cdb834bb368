"""An account is erased: its tokens are dead at once, its name is nobody's, and the services are told once."""

from __future__ import annotations

import sqlite3

from sqlalchemy import select

from services.common.tables import outbox
from services.gateway.store.audit import first_broken
from services.gateway.tests.conftest import PASSWORD, Gateway
from services.stubs.voicehub.gateway.v1.gateway_pb2 import AccountErased

ANNA = {"name": "anna", "password": PASSWORD}


def told(gateway: Gateway) -> list[AccountErased]:
    """What the other services will hear."""
    with gateway.hub.database.read() as session:
        rows = session.execute(select(outbox).where(outbox.c.type == AccountErased.DESCRIPTOR.full_name)).all()
    return [AccountErased.FromString(row.data) for row in rows]


def test_nothing_is_left_of_an_erased_account(gateway: Gateway) -> None:
    session, other = gateway.login("anna"), gateway.login("bert")
    token = gateway.json("POST", "/v1/tokens", {"label": "ci", "scopes": ["read"]}, session).get_json()["token"]
    own, shared = (gateway.upload(session, data) for data in (b"her voice", b"a song"))
    gateway.upload(other, b"a song")
    digests = [gateway.json("GET", f"/v1/uploads/{one}", token=session).get_json()["digest"] for one in (own, shared)]
    begun = gateway.json("POST", "/v1/uploads", {"filename": "half.wav", "size": 9}, session).get_json()["id"]
    headers = {"Authorization": f"Bearer {session}", "Upload-Offset": "0"}
    gateway.client.patch(f"/v1/uploads/{begun}", data=b"half", headers=headers)
    halves = list(gateway.hub.uploads._folder.iterdir())
    assert len(halves) == 1

    done = gateway.json("DELETE", "/v1/me", ANNA, session)
    assert done.status_code == 200, done.text
    pseudonym = done.get_json()["pseudonym"]
    assert pseudonym.startswith("~removed-")
    for dead in (session, token):
        assert gateway.json("GET", "/v1/me", token=dead).status_code == 401
    unknown = gateway.json("POST", "/v1/sessions", {"name": "nobody", "password": PASSWORD})
    assert gateway.json("POST", "/v1/sessions", ANNA).get_json() == unknown.get_json()
    (fact,) = told(gateway)
    assert (fact.account, fact.pseudonym, list(fact.uploads)) == ("anna", pseudonym, digests[:1]), "bert gave the song"
    assert not list(gateway.hub.uploads._folder.iterdir())
    assert gateway.json("GET", "/v1/me", token=other).status_code == 200


def test_its_name_is_nobody_elses_later_and_is_kept_in_the_log_only(gateway: Gateway) -> None:
    session = gateway.login("anna")
    gateway.json("POST", "/v1/organisations", {"name": "choir"}, session)
    gateway.json("DELETE", "/v1/me", ANNA, session)
    again = gateway.json("POST", "/v1/accounts", ANNA)
    assert (again.status_code, again.get_json()["reason"]) == (409, "NAME_TAKEN")
    taken = gateway.json("POST", "/v1/organisations", {"name": "anna"}, gateway.login("bert"))
    assert (taken.status_code, taken.get_json()["reason"]) == (409, "NAME_TAKEN")
    with gateway.hub.database.read() as database:
        assert first_broken(database) is None
    path = gateway.hub.database.engine.url.database
    assert path is not None
    dump = list(sqlite3.connect(path).iterdump())
    assert {line.split('"')[1] for line in dump if "'anna'" in line or ":anna'" in line} <= {"audit", "outbox"}


def test_it_takes_name_and_password_and_a_token_for_the_account(gateway: Gateway) -> None:
    session = gateway.login("anna")
    token = gateway.json("POST", "/v1/tokens", {"label": "ci", "scopes": ["read", "write"]}, session).get_json()
    assert gateway.json("DELETE", "/v1/me", ANNA).status_code == 401
    assert gateway.json("DELETE", "/v1/me", ANNA, token["token"]).get_json()["reason"] == "SCOPE_MISSING"
    assert gateway.json("DELETE", "/v1/me", {"name": "anna"}, session).status_code == 400
    assert gateway.json("DELETE", "/v1/me", {**ANNA, "name": "bert"}, session).status_code == 400
    wrong = gateway.json("DELETE", "/v1/me", {**ANNA, "password": "not the password"}, session)
    assert (wrong.status_code, wrong.get_json()["reason"]) == (401, "WRONG_PASSWORD")
    assert gateway.json("GET", "/v1/me", token=session).status_code == 200
    assert told(gateway) == []
