"""Accounts, sessions, tokens: who may come in, and what is kept of a secret."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import timedelta

import pytest

from services.common.clock import now
from services.gateway.domain.credentials import ALL_SCOPES, Scope
from services.gateway.limits import Policy, RateLimit
from services.gateway.rest.app import create_app
from services.gateway.store.audit import first_broken
from services.gateway.tests.conftest import PASSWORD, Gateway


def test_sign_up_and_log_in(gateway: Gateway) -> None:
    made = gateway.json("POST", "/v1/accounts", {"name": "anna", "password": PASSWORD})
    assert made.status_code == 201
    assert made.get_json()["name"] == "anna"
    session = gateway.json("POST", "/v1/sessions", {"name": "anna", "password": PASSWORD})
    assert session.status_code == 201
    me = gateway.json("GET", "/v1/me", token=session.get_json()["token"])
    assert me.get_json()["name"] == "anna"


@pytest.mark.parametrize("password", ["short", "aaaaaaaaaaaa", "anna-anna1"])
def test_weak_passwords_are_refused(gateway: Gateway, password: str) -> None:
    name = "anna-anna1"
    answer = gateway.json("POST", "/v1/accounts", {"name": name, "password": password})
    assert answer.status_code == 400
    assert "password" in answer.get_json()["fields"]
    assert answer.get_json()["hint"].startswith(("Give another password and try again", "Choose another one"))


def test_a_name_is_taken_once(gateway: Gateway) -> None:
    gateway.login("anna")
    again = gateway.json("POST", "/v1/accounts", {"name": "anna", "password": PASSWORD})
    assert again.status_code == 409
    assert again.get_json()["reason"] == "NAME_TAKEN"


def test_wrong_password_and_unknown_name_look_the_same(gateway: Gateway) -> None:
    gateway.login("anna")
    wrong = gateway.json("POST", "/v1/sessions", {"name": "anna", "password": "not the password"})
    unknown = gateway.json("POST", "/v1/sessions", {"name": "nobody", "password": "not the password"})
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.get_json() == unknown.get_json()


@pytest.mark.parametrize(
    ("proxies", "told", "remote"),
    [
        (0, "203.0.113.9", "127.0.0.1"),
        (1, "203.0.113.9", "203.0.113.9"),
        (1, "198.51.100.1, 203.0.113.9", "203.0.113.9"),
        (2, "6.6.6.6, 198.51.100.1,203.0.113.9", "198.51.100.1"),
        (1, "2001:DB8::1", "2001:db8::/64"),  # a network has one visitor, who can have any address of it
        (1, "2001:db8::ffff:0:0:9", "2001:db8::/64"),
        (1, "::ffff:203.0.113.9", "203.0.113.9"),
        (1, "", "127.0.0.1"),
        (1, "203.0.113.9, somebody", "127.0.0.1"),
        (2, "203.0.113.9", "127.0.0.1"),
    ],
)
def test_visitors_behind_proxies_are_told_apart(gateway: Gateway, proxies: int, told: str, remote: str) -> None:
    limits = replace(gateway.hub.limits, passwords=RateLimit(Policy("passwords", 1)))
    hub = replace(gateway.hub, trusted_proxies=proxies, limits=limits)
    gateway.client = create_app(hub).test_client()
    limits.passwords.spend(remote)
    who = {"name": "anna", "password": PASSWORD}
    refused = gateway.json("POST", "/v1/accounts", who, X_Forwarded_For=told)
    assert (refused.status_code, refused.get_json()["reason"]) == (429, "RATE_LIMITED")


def test_no_secret_is_stored(gateway: Gateway) -> None:
    session = gateway.login("anna")
    made = gateway.json("POST", "/v1/tokens", {"label": "ci", "scopes": ["read"]}, session, Idempotency_Key="k1")
    path = gateway.hub.database.engine.url.database
    assert path is not None
    dump = "\n".join(sqlite3.connect(path).iterdump())
    assert PASSWORD not in dump
    assert session not in dump
    assert made.get_json()["token"] not in dump
    assert made.get_json()["token"].encode().hex() not in dump.lower()


def test_a_token_does_only_what_its_scopes_say(gateway: Gateway) -> None:
    session = gateway.login("anna")
    token = gateway.json("POST", "/v1/tokens", {"label": "ci", "scopes": ["read"]}, session).get_json()
    assert gateway.json("GET", "/v1/me", token=token["token"]).status_code == 200
    write = gateway.json("POST", "/v1/uploads", {"filename": "a", "size": 1}, token["token"])
    assert (write.status_code, write.get_json()["reason"]) == (403, "SCOPE_MISSING")
    listed = gateway.json("GET", "/v1/tokens", token=session).get_json()["items"]
    assert [t["id"] for t in listed] == [token["id"]]
    assert "token" not in listed[0]


def test_a_revoked_token_is_dead_at_once(gateway: Gateway) -> None:
    session = gateway.login("anna")
    token = gateway.json("POST", "/v1/tokens", {"label": "ci", "scopes": ["read"]}, session).get_json()
    assert gateway.json("DELETE", f"/v1/tokens/{token['id']}", token=session).status_code == 204
    assert gateway.json("GET", "/v1/me", token=token["token"]).status_code == 401


def test_others_cannot_revoke_a_token(gateway: Gateway) -> None:
    token = gateway.json("POST", "/v1/tokens", {"label": "ci", "scopes": ["read"]}, gateway.login("anna")).get_json()
    assert gateway.json("DELETE", f"/v1/tokens/{token['id']}", token=gateway.login("bert")).status_code == 404


def test_an_expired_token_proves_nothing(gateway: Gateway) -> None:
    gateway.login("anna")
    _, secret = gateway.hub.accounts.issue(
        "anna", "token", "old", frozenset({Scope.READ}), now() - timedelta(seconds=1)
    )
    assert gateway.hub.accounts.resolve(secret) is None
    _, secret = gateway.hub.accounts.issue("anna", "token", "new", ALL_SCOPES, now() + timedelta(seconds=60))
    assert gateway.hub.accounts.resolve(secret) is not None


def test_logging_out_ends_the_session(gateway: Gateway) -> None:
    session = gateway.login("anna")
    assert gateway.json("DELETE", "/v1/sessions/current", token=session).status_code == 204
    assert gateway.json("GET", "/v1/me", token=session).status_code == 401


@pytest.mark.parametrize("header", ["Bearer", "Bearer x", "Basic YTpi", "Bearer vh_" + "ä" * 43, "vh_" + "a" * 43])
def test_broken_credentials_are_refused_even_where_visitors_are_welcome(gateway: Gateway, header: str) -> None:
    answer = gateway.client.get("/v1/search", headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_audit_is_a_whole_chain_that_cannot_be_changed(gateway: Gateway) -> None:
    gateway.login("anna")
    path = gateway.hub.database.engine.url.database
    assert path is not None
    connection = sqlite3.connect(path)
    assert [row[0] for row in connection.execute("SELECT action FROM audit ORDER BY sequence")] == [
        "account.create",
        "session.create",
    ]
    with gateway.hub.database.read() as session:
        assert first_broken(session) is None
    for statement in ("UPDATE audit SET account = 'x'", "DELETE FROM audit"):
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            connection.execute(statement)
    connection.execute("DROP TRIGGER audit_no_update")
    connection.execute("UPDATE audit SET account = 'x' WHERE sequence = 2")
    connection.commit()
    with gateway.hub.database.read() as session:
        assert first_broken(session) == 2
