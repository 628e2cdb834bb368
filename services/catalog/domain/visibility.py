"""Who may see a repository. Private means invisible: its absence and its existence look the same."""

from __future__ import annotations

from enum import StrEnum

from services.common.errors import NotFound, Unauthenticated
from services.common.identity import Identity


class Visibility(StrEnum):
    """Public repositories are read by everybody, private ones by who has a role, and by the services of the house."""

    PUBLIC = "public"
    PRIVATE = "private"


def missing_repository(owner: str, name: str) -> NotFound:
    """The one answer for a repository that is not there and for one that is not there for this caller."""
    return NotFound(
        f"There is no repository {owner}/{name}.",
        hint="Check the spelling; a private repository is seen only by who has a role on it and is logged in.",
        reason="REPOSITORY_NOT_FOUND",
    )


def require_account(identity: Identity) -> str:
    """The account that acts; Unauthenticated for an anonymous visitor and for a service speaking for itself."""
    if not identity.account:
        raise Unauthenticated("This needs an account.", hint="Log in first: `voicehub login`, or sign up.")
    return identity.account
