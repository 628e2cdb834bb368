"""What must hold before a pull request is merged: each check by itself, from facts, with a sentence that says why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from services.common.errors import Conflict, Unprocessable

JUDGED = ("similarity", "intelligibility")
USUAL = {"similarity_drop": 0.05, "intelligibility_drop": 0.1}
"""How much lower than the base the result of a merge of weights may be where the branch has no limits of its own."""


class CheckState(StrEnum):
    """Only what has passed lets a merge through."""

    PASSED = "passed"
    PENDING = "pending"
    FAILED = "failed"


@dataclass(frozen=True)
class Check:
    """One condition of a merge."""

    name: str
    state: CheckState
    detail: str


@dataclass(frozen=True)
class Judgement:
    """How a version was judged: figures by name, and the versions of the tools that measured."""

    figures: Mapping[str, Any] = field(default_factory=dict)
    tools: Mapping[str, Any] = field(default_factory=dict)
    failure: str = ""


@dataclass(frozen=True)
class Opinion:
    """A review that counts: of somebody who may write, and is not the author."""

    author: str
    version: str
    approves: bool


def evaluation(
    limits: Mapping[str, float],
    base: Judgement | None,
    head: Judgement | None,
    usual: Mapping[str, float] | None = None,
) -> Check | None:
    """Whether the head is judged no lower than the base beyond the limits; None where nothing is asked.

    Args:
        limits: how much lower each figure may be; 0 is no limit.
        base: None while nobody has judged it.
        head: likewise.
        usual: limits of figures that have none in `limits`, where both sides have the figure.
    """
    asked = {name: limits.get(f"{name}_drop", 0.0) for name in JUDGED if limits.get(f"{name}_drop", 0.0) > 0}
    if not asked and not usual:
        return None
    if base is None or head is None:
        return Check("evaluation", CheckState.PENDING, "The versions are being judged.")
    for side, judged in (("base", base), ("head", head)):
        if judged.failure:
            return Check("evaluation", CheckState.FAILED, f"The {side} could not be judged: {judged.failure}")
    if dict(base.tools) != dict(head.tools):
        return Check("evaluation", CheckState.PENDING, "Base and head were judged by different tools: judge both anew.")
    free = [name for name in JUDGED if name not in asked and _measured(name, base, head)]
    asked |= {name: usual[f"{name}_drop"] for name in free} if usual else {}
    lower = [sentence for name, limit in asked.items() if (sentence := _lower(name, limit, base, head))]
    state = CheckState.FAILED if lower else CheckState.PASSED
    return Check("evaluation", state, " ".join(lower) or "; ".join(_compared(name, base, head) for name in asked))


def unjudged(base: Judgement, head: Judgement) -> str:
    """Why nobody can say which of both is better; empty where a figure says so."""
    for side, judged in (("version of the branch", base), ("result", head)):
        if judged.failure:
            return f"The {side} could not be judged: {judged.failure}"
    if not any(_measured(name, base, head) for name in JUDGED):
        return "Neither similarity nor intelligibility was measured of both."
    return ""


def approvals(needed: int, opinions: Iterable[Opinion], head: str) -> list[Check]:
    """Whether enough people approve this very head, and nobody's last word is against it."""
    last = {opinion.author: opinion for opinion in opinions}
    against = sorted(name for name, opinion in last.items() if not opinion.approves)
    for_it = sorted(name for name, opinion in last.items() if opinion.approves and opinion.version == head)
    checks = []
    if against:
        checks.append(Check("reviews", CheckState.FAILED, f"Changes are requested by {', '.join(against)}."))
    if needed:
        enough = len(for_it) >= needed
        told = f"{len(for_it)} of {needed} approve this head" + (f": {', '.join(for_it)}." if for_it else ".")
        checks.append(Check("approvals", CheckState.PASSED if enough else CheckState.PENDING, told))
    return checks


def require(checks: Iterable[Check]) -> None:
    """Unprocessable, with each check that has not passed, unless all have."""
    open_ones = {check.name: f"{check.state}: {check.detail}" for check in checks if check.state != CheckState.PASSED}
    if open_ones:
        raise Unprocessable(
            "The pull request cannot be merged yet.",
            hint="; ".join(f"{name} {told}" for name, told in open_ones.items())[:1000],
            reason="CHECKS_NOT_PASSED",
            fields=open_ones,
        )


def head_moved(number: int, head: str, expected: str) -> Conflict:
    """The answer to who merges or reviews what is not the head any more."""
    return Conflict(
        f"The head of pull request {number} is {head} now, not {expected[:40]}.",
        hint=f"Listen to the new head (pull-{number}), then try again.",
        reason="HEAD_MOVED",
        fields={"head": head, "expected": expected},
    )


def _measured(name: str, base: Judgement, head: Judgement) -> bool:
    return all(isinstance(one.figures.get(name), int | float) for one in (base, head))


def _lower(name: str, limit: float, base: Judgement, head: Judgement) -> str:
    if not _measured(name, base, head):
        return f"Nobody measured the {name} of both."
    drop = float(base.figures[name]) - float(head.figures[name])
    return (
        f"The {name} falls by {drop:.3f}, more than {limit:g} ({_compared(name, base, head)})." if drop > limit else ""
    )


def _compared(name: str, base: Judgement, head: Judgement) -> str:
    return f"{name} {float(base.figures[name]):.3f} → {float(head.figures[name]):.3f}"
