"""Who sends a request: a bearer token, or nobody."""

from __future__ import annotations

from dataclasses import dataclass

from services.common.errors import Forbidden, Unauthenticated
from services.common.identity import Identity
from services.gateway.clients import VISITOR
from services.gateway.domain.credentials import TOKEN_LENGTH, TOKEN_PREFIX, Scope
from services.gateway.store.accounts import Accounts


@dataclass(frozen=True)
class Person:
    """The identity behind a request and the id of the token that proved it."""

    identity: Identity
    token: str = ""


def authenticate(accounts: Accounts, header: str) -> Person:
    """The person of an `Authorization` header; Unauthenticated if there is one that proves nothing."""
    if not header:
        return Person(VISITOR)
    kind, _, secret = header.partition(" ")
    secret = secret.strip()
    well_formed = len(secret) == TOKEN_LENGTH and secret.startswith(TOKEN_PREFIX) and secret.isascii()
    token = accounts.resolve(secret) if kind.lower() == "bearer" and well_formed else None
    if token is None:
        raise Unauthenticated("This token is not valid, or not any more.", hint="Log in again.", reason="INVALID_TOKEN")
    # A token that may do less than its account administers nothing, whoever made it.
    admin = token.administers and Scope.ACCOUNT in token.scopes
    return Person(Identity(token.account, "gateway", frozenset(token.scopes), admin), token.id)


def require(person: Person, scope: Scope | None) -> None:
    """Refuses who may not use a route of that scope."""
    if scope is None:
        return
    if not person.identity.account:
        raise Unauthenticated("This needs an account.", reason="LOGIN_REQUIRED")
    if scope not in person.identity.scopes:
        raise Forbidden(
            f"This token does not have the scope {scope}.",
            hint=f'Make one with POST /v1/tokens and scopes ["{scope}"], or log in.',
            reason="SCOPE_MISSING",
        )
