"""Bearer tokens for programs: chosen scopes, shown once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from services.common.clock import now
from services.gateway.domain.credentials import Scope
from services.gateway.rest.route import Answer, Call, Reply, Resource
from services.gateway.rest.schema import Schema, choice, listing, number, page_of, record, text
from services.gateway.store.accounts import Token

resource = Resource("accounts")
_SCOPES: Schema = {**listing(choice(*Scope), most=len(Scope), least=1), "uniqueItems": True}
_TOKEN: Schema = record(
    {"id": text(32), "label": text(100), "scopes": _SCOPES, "create_time": text(40)},
    {"expire_time": text(40), "token": text(64, note="The secret, only in the answer that made it.")},
)
_NEW = record({"label": text(100), "scopes": _SCOPES}, {"days": number(1, 3650, note="Life; without it, no end.")})


@resource.route("POST", "/v1/tokens", "Make a token", Answer(201, _TOKEN), body=_NEW, scope=Scope.ACCOUNT)
def create_token(call: Call) -> Reply:
    """The secret is in `token` and is shown this once."""
    days = call.body.get("days")
    expires = now() + timedelta(days=days) if days else None
    scopes = frozenset(Scope(scope) for scope in call.body["scopes"])
    token, secret = call.hub.accounts.issue(call.account, "token", call.body["label"], scopes, expires)
    return Reply({**_token(token), "token": secret})


@resource.route("GET", "/v1/tokens", "List tokens", Answer(200, page_of(_TOKEN)), scope=Scope.ACCOUNT)
def list_tokens(call: Call) -> Reply:
    """All tokens of the account, newest first, without their secrets."""
    return Reply({"items": [_token(t) for t in call.hub.accounts.tokens_of(call.account)], "next_cursor": ""})


@resource.route("DELETE", "/v1/tokens/{token}", "Revoke a token", Answer(204), scope=Scope.ACCOUNT)
def delete_token(call: Call, token: str) -> Reply:
    """The token stops working at once."""
    call.hub.accounts.revoke(call.account, token)
    return Reply({})


def _token(token: Token) -> dict[str, Any]:
    shown = {"id": token.id, "label": token.label, "scopes": sorted(token.scopes), "create_time": _z(token.create_time)}
    return shown | ({"expire_time": _z(token.expire_time)} if token.expire_time else {})


def _z(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
