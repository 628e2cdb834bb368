"""Names for versions: how refs may be called, what kinds there are, and what is said when one has moved."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from services.catalog.domain.names import is_version_id
from services.common.errors import Conflict, Forbidden, Invalid, Unprocessable

MAIN = "main"
_REF = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?")
_PULL = re.compile(r"pull-\d+")


class RefKind(StrEnum):
    """Branches move; tags stay where they are; a pull head follows its pull request."""

    BRANCH = "branch"
    TAG = "tag"
    PULL = "pull"


@dataclass(frozen=True)
class Tip:
    """The version that a ref had when somebody else wanted to move it."""

    version: str
    author: str
    message: str
    time: datetime


def check_ref(name: str) -> str:
    """The name, if a branch or tag may have it; Invalid otherwise."""
    if not _REF.fullmatch(name) or ".." in name or is_version_id(name) or _PULL.fullmatch(name):
        raise Invalid(
            f"{name[:64]!r} cannot be the name of a branch or tag.",
            hint="Use 1 to 64 letters, digits, '.', '_' or '-', letter or digit at both ends; not pull-7 or the like.",
            reason="BAD_REF",
            fields={"ref": "is not allowed"},
        )
    return name


def pull_ref(number: int) -> str:
    """The ref of a pull request's head."""
    return f"pull-{number}"


def moved(repository: str, ref: str, tip: Tip | None, expected: str) -> Conflict:
    """The answer to who was slower: what the ref has now, who put it there, and how to go on."""
    if tip is None:
        return Conflict(
            f"{ref} of {repository} is not there (any more).",
            hint=f"Somebody deleted it. Make it anew, expecting nothing, or push to another branch than {ref}.",
            reason="REF_MOVED",
            fields={"ref": ref, "expected": expected, "tip": ""},
        )
    said = f": {tip.message.strip().splitlines()[0][:80]!r}" if tip.message.strip() else ""
    when = f"{tip.time:%Y-%m-%d %H:%M} UTC"
    return Conflict(
        f"{ref} of {repository} has moved on: {tip.author} pushed {tip.version} at {when}{said}.",
        hint=f"Listen to it ({repository}@{tip.version}), build on it and push again onto {tip.version}; "
        "or push to a branch of your own and open a pull request.",
        reason="REF_MOVED",
        fields={"ref": ref, "expected": expected, "tip": tip.version, "author": tip.author},
    )


def left_behind(repository: str, ref: str) -> Conflict:
    """The answer to a move that would drop versions from a branch."""
    return Conflict(
        f"{ref} of {repository} has versions that this one was not made from.",
        hint="Merge them, or let somebody with the role maintain force it.",
        reason="NOT_A_FAST_FORWARD",
        fields={"ref": ref},
    )


def comes_back_behind(repository: str, ref: str) -> Conflict:
    """The answer to a branch that is made anew where it would lack what it had before it was taken away."""
    return Conflict(
        f"{ref} of {repository} had versions, before it was deleted, that this one was not made from.",
        hint="Use another name, or let somebody with the role maintain force it.",
        reason="NOT_A_FAST_FORWARD",
        fields={"ref": ref},
    )


def main_stays(repository: str) -> Forbidden:
    """The answer to who wants to delete the branch that everybody reads who names none."""
    return Forbidden(
        f"{MAIN} of {repository} is what everybody gets who names no ref: it is not deleted.",
        hint=f"To put it back: voicehub branch {repository} {MAIN} --at VERSION --force (needs the role maintain). "
        f"To remove the voice: voicehub repo delete {repository}.",
        reason="DEFAULT_BRANCH",
        fields={"ref": MAIN},
    )


def tag_stays(repository: str, ref: str) -> Conflict:
    """The answer to a move of a tag."""
    return Conflict(
        f"The tag {ref} of {repository} exists already: tags stay where they are.",
        hint=f"Use another name, or delete it first: voicehub tag {repository} {ref} --delete.",
        reason="TAG_EXISTS",
        fields={"ref": ref},
    )


def is_branch(repository: str, ref: str) -> Conflict:
    """The answer to a tag that would be called as a branch is."""
    return Conflict(
        f"{ref} of {repository} is a branch: no tag can be called so.",
        hint="Use another name for the tag.",
        reason="BRANCH_EXISTS",
        fields={"ref": ref},
    )


def is_protected(repository: str, ref: str) -> Forbidden:
    """The answer to a direct change of a protected ref."""
    return Forbidden(
        f"{ref} of {repository} is protected: it moves by pull requests only.",
        hint="Push to another branch and open a pull request, or let somebody with the role maintain lift it.",
        reason="PROTECTED_REF",
        fields={"ref": ref},
    )


def not_published(version: str) -> Unprocessable:
    """The answer to a ref that shall name a version which is not published."""
    return Unprocessable(
        f"{version} is not published: no ref can name it yet.",
        hint="Wait for its scan and its tests, or push to a branch: it follows on its own.",
        reason="NOT_PUBLISHED",
        fields={"version": "is not published"},
    )
