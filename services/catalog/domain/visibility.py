"""Who may see and who may change a repository. Private means invisible: its absence and its existence look the same."""

from __future__ import annotations

from enum import StrEnum

from services.common.errors import Forbidden, NotFound, Unauthenticated
from services.common.identity import Identity


class Visibility(StrEnum):
    """Public repositories are read by everybody, private ones by their owner and the services of the house."""

    PUBLIC = "public"
    PRIVATE = "private"


def may_read(identity: Identity, owner: str, visibility: Visibility) -> bool:
    """Whether the caller may know that the repository exists."""
    return visibility is Visibility.PUBLIC or identity.is_service or (bool(owner) and identity.account == owner)


def missing_repository(owner: str, name: str) -> NotFound:
    """The one answer for a repository that is not there and for one that is not there for this caller."""
    return NotFound(
        f"There is no repository {owner}/{name}.",
        hint="Check the spelling; a private repository is seen only by its owner, who must be logged in.",
        reason="REPOSITORY_NOT_FOUND",
    )


def require_account(identity: Identity) -> str:
    """The account that acts; Unauthenticated for an anonymous visitor and for a service speaking for itself."""
    if not identity.account:
        raise Unauthenticated("This needs an account.", hint="Log in first: `voicehub login`, or sign up.")
    return identity.account


def require_owner(identity: Identity, owner: str) -> str:
    """The account, if it is the owner; Forbidden otherwise."""
    account = require_account(identity)
    if account != owner:
        raise Forbidden(
            f"Only {owner} may change repositories of {owner}.",
            hint=f"Use a repository of your own, such as {account}/….",
            reason="NOT_THE_OWNER",
        )
    return account
