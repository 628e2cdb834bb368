"""Forks: what is said when one cannot be made, widened or brought up to date."""

from __future__ import annotations

from services.common.errors import Conflict, NotFound, Unprocessable


def diverged(fork: str, ref: str, upstream: str, own: int) -> Conflict:
    """The answer to a sync of a branch that has versions of its own."""
    return Conflict(
        f"{ref} of {fork} has {own} version{'s' if own > 1 else ''} that {upstream} does not have.",
        hint=f"Merge {upstream} into it by a pull request, or make a new branch at what {upstream} has.",
        reason="DIVERGED",
        fields={"ref": ref},
    )


def no_upstream(fork: str) -> NotFound:
    """The answer where there is nothing to sync with: never was, is deleted, or is not the caller's to see."""
    return NotFound(
        f"{fork} has no upstream that you can see.", hint="Only forks can be synchronised.", reason="NO_UPSTREAM"
    )


def would_show_private(fork: str) -> Unprocessable:
    """The answer to who would make public what was forked from something private."""
    return Unprocessable(
        f"{fork} was forked from a private voice: it stays private.",
        hint="Ask who administers the upstream to make that public first.",
        reason="FORK_OF_PRIVATE",
    )


def would_show_brought(repository: str) -> Unprocessable:
    """The answer to who would make public what a pull request brought from somebody's private voice."""
    return Unprocessable(
        f"{repository} holds versions of a private voice of somebody else: it stays private.",
        hint="Close the pull requests that bring them, or ask who administers that voice to make it public first.",
        reason="HOLDS_PRIVATE",
    )
