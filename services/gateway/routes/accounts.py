"""Accounts and sessions."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from services.common.clock import now
from services.common.errors import Conflict, Invalid, Unauthenticated
from services.gateway.domain.credentials import (
    ALL_SCOPES,
    NAME_PATTERN,
    PASSWORD_MAX,
    PASSWORD_MIN,
    RESERVED_NAMES,
    Scope,
    password_problem,
)
from services.gateway.rest.route import Answer, Call, Reply, Resource
from services.gateway.rest.schema import Schema, record, text
from services.gateway.store.accounts import Account

resource = Resource("accounts")
SESSION_LIFE = timedelta(days=30)
_ACCOUNT = record({"name": text(39), "create_time": {"type": "string", "format": "date-time"}})
_ME = record({"name": text(39), "create_time": {"type": "string", "format": "date-time"}, "admin": {"type": "boolean"}})
_SIGN_UP = record({"name": text(39, pattern=NAME_PATTERN), "password": text(PASSWORD_MAX, least=PASSWORD_MIN)})
_LOG_IN = record({"name": text(39), "password": text(PASSWORD_MAX)})
_ERASE = record({"name": text(39, note="Your own, as a confirmation."), "password": text(PASSWORD_MAX)})
_ERASED = record({"pseudonym": text(39)})
_SESSION: Schema = record({"token": text(64), "account": text(39), "expire_time": {"type": "string"}})


@resource.route("POST", "/v1/accounts", "Sign up", Answer(201, _ACCOUNT), body=_SIGN_UP)
def create_account(call: Call) -> Reply:
    """Makes an account. Names are lower-case letters, digits and dashes."""
    name, password = call.body["name"], call.body["password"]
    call.hub.limits.passwords.spend(call.remote)
    if name in RESERVED_NAMES:
        raise Conflict(f"The name {name} is taken.", hint="Choose another name.", fields={"name": "is taken"})
    reason = password_problem(name, password)
    if reason:
        raise Invalid(f"The password {reason}.", hint="Choose another one.", fields={"password": reason})
    with call.hub.limits.checks.one():
        hashed = call.hub.passwords.hash(password)
    return Reply(_account(call.hub.accounts.create(name, hashed)))


@resource.route("POST", "/v1/sessions", "Log in", Answer(201, _SESSION), body=_LOG_IN)
def create_session(call: Call) -> Reply:
    """Answers a bearer token that may do all the account may do, for 30 days."""
    name, password = call.body["name"], call.body["password"]
    _check_password(call, name, password)
    token, secret = call.hub.accounts.issue(name, "session", "session", ALL_SCOPES, now() + SESSION_LIFE)
    expires = token.expire_time.isoformat() if token.expire_time else ""
    return Reply({"token": secret, "account": name, "expire_time": expires})


@resource.route("DELETE", "/v1/sessions/current", "Log out", Answer(204), scope=Scope.READ)
def delete_session(call: Call) -> Reply:
    """Ends the token with which this request is sent."""
    call.hub.accounts.revoke(call.account, call.credential)
    return Reply({})


@resource.route("GET", "/v1/me", "Who am I", Answer(200, _ME), scope=Scope.READ)
def get_me(call: Call) -> Reply:
    """The account of the token, and whether the token administers the hub."""
    return Reply({**_account(call.hub.accounts.get(call.account)), "admin": call.identity.admin})


@resource.route("DELETE", "/v1/me", "Erase my account", Answer(200, _ERASED), body=_ERASE, scope=Scope.ACCOUNT)
def delete_me(call: Call) -> Reply:
    """For good: its tokens are dead at once; its voices and recordings go from everywhere, forks included.

    What others need (comments, reviews, entries of the ledger) is shown as by the pseudonym in the answer.
    """
    if call.body["name"] != call.account:
        raise Invalid("This is not your name.", hint="Write it as you sign in.", fields={"name": "is not yours"})
    _check_password(call, call.account, call.body["password"])
    unfinished = call.hub.uploads.unfinished(call.account)
    pseudonym = call.hub.accounts.erase(call.account)
    call.hub.uploads.forget(unfinished)
    return Reply({"pseudonym": pseudonym})


def _check_password(call: Call, name: str, password: str) -> None:
    call.hub.limits.passwords.spend(call.remote)
    call.hub.limits.passwords.spend(f"name:{name}")
    with call.hub.limits.checks.one():
        right = call.hub.passwords.check(call.hub.accounts.password_hash(name), password)
    if not right:
        raise Unauthenticated(
            "Name or password is wrong.", hint="Check both, or sign up first.", reason="WRONG_PASSWORD"
        )


def _account(account: Account) -> dict[str, Any]:
    return {"name": account.name, "create_time": account.create_time.isoformat().replace("+00:00", "Z")}
