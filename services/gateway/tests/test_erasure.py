"""An account is erased: its tokens are dead at once, its name is nobody's, and the services are told once."""

from __future__ import annotations

import io
import sqlite3
from collections.abc import Iterable

import pytest
from blake3 import blake3
from sqlalchemy import select

from services.common.errors import NotFound
from services.common.objects import Area
from services.common.objects.port import ObjectInfo
from services.common.tables import outbox
from services.gateway.store.audit import first_broken
from services.gateway.store.tables import audit
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


@pytest.mark.parametrize("shared", [False, True])
def test_a_file_that_arrives_while_its_account_is_erased_goes_too(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, shared: bool
) -> None:
    data = b"her voice"
    session, other = gateway.login("anna"), gateway.login("bert")
    begun = gateway.json("POST", "/v1/uploads", {"filename": "a.wav", "size": len(data)}, session).get_json()["id"]
    put = gateway.hub.objects.put

    def slow(area: Area, chunks: Iterable[bytes]) -> ObjectInfo:
        monkeypatch.undo()
        assert gateway.json("DELETE", "/v1/me", ANNA, session).status_code == 200
        if shared:
            gateway.upload(other, data)
        return put(area, chunks)

    monkeypatch.setattr(gateway.hub.objects, "put", slow)
    headers = {"Authorization": f"Bearer {session}", "Upload-Offset": "0"}
    answer = gateway.client.patch(f"/v1/uploads/{begun}", data=data, headers=headers)
    assert answer.status_code == 404
    late = [list(fact.uploads) for fact in told(gateway)[1:]]
    assert late == ([] if shared else [[blake3(data).hexdigest()]])
    assert not list(gateway.hub.uploads._folder.iterdir())
    with gateway.hub.database.read() as database:
        newest = database.execute(select(audit).order_by(audit.c.sequence.desc())).first()
        actions = list(database.scalars(select(audit.c.action).where(audit.c.account == "anna")))
    assert newest is not None
    assert (newest.action == "account.erase") is not shared
    assert "upload.complete" not in actions


def test_what_arrives_of_an_erased_account_is_not_kept(gateway: Gateway) -> None:
    session = gateway.login("anna")
    upload = gateway.hub.uploads.begin("anna", "a.wav", 9)

    class Meanwhile(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            gateway.json("DELETE", "/v1/me", ANNA, session)
            return super().read(size)

    with pytest.raises(NotFound):
        gateway.hub.uploads.append("anna", upload.id, 0, Meanwhile(b"half"))
    assert not list(gateway.hub.uploads._folder.iterdir())
    assert len(told(gateway)) == 1


def test_an_erasure_that_fails_leaves_what_arrived(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_: str) -> str:
        raise ConnectionError

    session = gateway.login("anna")
    upload = gateway.hub.uploads.begin("anna", "a.wav", 9)
    gateway.hub.uploads.append("anna", upload.id, 0, io.BytesIO(b"half"))
    monkeypatch.setattr(gateway.hub.accounts, "erase", away)
    assert gateway.json("DELETE", "/v1/me", ANNA, session).status_code == 503
    assert gateway.hub.uploads.get("anna", upload.id).offset == 4


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
