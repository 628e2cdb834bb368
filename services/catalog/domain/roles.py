"""Roles on a repository: each may do all that the one before may."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

from services.common.errors import Conflict, Forbidden, Invalid, Unprocessable


class Role(IntEnum):
    """What somebody may do.

    READ: see, pull, fork, comment, open pull requests. TRIAGE: close the pull requests and threads of others.
    WRITE: push to branches, tag, review with weight, merge. MAINTAIN: protect and force refs, open to others what is
    read. ADMIN: roles, visibility, rename, transfer, archive, delete.
    """

    NONE = 0
    READ = 1
    TRIAGE = 2
    WRITE = 3
    MAINTAIN = 4
    ADMIN = 5


NAMES = {role.name.lower(): role for role in Role if role}


def role_from(name: str) -> Role:
    """The role of that name; Invalid for an unknown one."""
    if name not in NAMES:
        raise Invalid(
            f"There is no role {name[:32]!r}.", hint=f"Use one of: {', '.join(NAMES)}.", fields={"role": "unknown"}
        )
    return NAMES[name]


def lacks(repository: str, owner: str, needed: Role, has: Role) -> Forbidden:
    """The answer to who may see a repository, but not do this."""
    return Forbidden(
        f"This needs the role {needed.name.lower()} on {repository}; yours is {has.name.lower()}.",
        hint=f"Ask {owner} for it, or fork the voice and open a pull request.",
        reason="ROLE_MISSING",
    )


def not_yours(owner: str) -> Forbidden:
    """The one answer to who wants to write where he sees nothing: it tells nothing of what is there."""
    return Forbidden(
        f"You may not change repositories of {owner} that you cannot see, nor make new ones there.",
        hint=f"Use a repository of your own, or ask {owner} for a role.",
        reason="NOT_THE_OWNER",
    )


def is_archived(repository: str) -> Forbidden:
    """The answer to a change of what is read-only."""
    return Forbidden(
        f"{repository} is archived: it is read-only.",
        hint="Fork it, or ask an admin to open it again.",
        reason="ARCHIVED",
    )


def taken_down(owner: str, name: str) -> Forbidden:
    """The answer to an owner who writes to what a moderator took down."""
    return Forbidden(
        f"{owner}/{name} was taken down.",
        hint="Read why with `voicehub takedowns`; you may appeal once.",
        reason="TAKEN_DOWN",
    )


def still_owns(organisation: str, names: Sequence[str], count: int) -> Conflict:
    """The answer to who would delete an organisation that owns `count` repositories, of which these are `names`."""
    more = ", …" if count > len(names) else ""
    what = "a repository" if count == 1 else f"{count} repositories"
    return Conflict(
        f"{organisation} still owns {what}: {', '.join(f'{organisation}/{name}' for name in names)}{more}.",
        hint="Delete them or hand them on first: voicehub repo delete, voicehub repo transfer.",
        reason="ORGANISATION_OWNS",
    )


def last_admin(organisation: str) -> Unprocessable:
    """The answer to who would leave an organisation without anybody to lead it."""
    return Unprocessable(
        f"{organisation} would have no admin any more.", hint="Make another member admin first.", reason="LAST_ADMIN"
    )
