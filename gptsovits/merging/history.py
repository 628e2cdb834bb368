"""Merge bases in the graph of versions, as pure functions over a mapping from each version to its parents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gptsovits.merging.conflicts import Conflict, NotMergeable

Parents = Mapping[str, Sequence[str]]
MOST_STEPS = 256
"""Virtual bases that one plan may need; real histories need none or one."""


@dataclass(frozen=True)
class Known:
    """A version that exists."""

    version: str


@dataclass(frozen=True)
class Virtual:
    """A base that never was a version: both sides merged over `base` (None where they have nothing in common)."""

    base: Plan | None
    ours: Plan
    theirs: Plan


Plan = Known | Virtual


def merge_bases(parents: Parents, ours: str, theirs: str) -> tuple[str, ...]:
    """All best common ancestors, sorted: common ones that are no ancestor of another common one.

    A version counts as its own ancestor, so a fast-forward answers one of both sides. Empty for unrelated versions.
    What the mapping does not name has no parents.
    """
    common = _ancestors(parents, [ours]) & _ancestors(parents, [theirs])
    older = {parent for version in common for parent in parents.get(version, ())}
    return tuple(sorted(common - older))


def plan_base(parents: Parents, ours: str, theirs: str) -> Plan:
    """The one base to merge over; several best common ancestors (criss-cross) are merged with each other first.

    Raises:
        NotMergeable: both have no common ancestor, or the history is entangled beyond all measure.
    """
    plan = _Planner(parents).base(ours, theirs)
    if plan is None:
        raise NotMergeable([_unrelated()])
    return plan


class _Planner:
    def __init__(self, parents: Parents) -> None:
        self._parents = {version: tuple(before) for version, before in parents.items()}
        self._plans: dict[str, Plan] = {}

    def base(self, ours: str, theirs: str) -> Plan | None:
        found = merge_bases(self._parents, ours, theirs)
        if not found:
            return None
        first, *others = found
        for other in others:
            first = self._joined(first, other)
        return self._plan(first)

    def _joined(self, one: str, other: str) -> str:
        """The name of a version that has both as parents: its place in the graph is all that the next step needs."""
        name = f"virtual({one},{other})"
        if name not in self._plans:
            if len(self._plans) >= MOST_STEPS:
                raise NotMergeable([_entangled()])
            self._plans[name] = Virtual(self.base(one, other), self._plan(one), self._plan(other))
            self._parents[name] = (one, other)
        return name

    def _plan(self, version: str) -> Plan:
        return self._plans.get(version) or Known(version)


def _ancestors(parents: Parents, versions: Iterable[str]) -> set[str]:
    seen: set[str] = set()
    waiting = list(versions)
    while waiting:
        version = waiting.pop()
        if version not in seen:
            seen.add(version)
            waiting.extend(parents.get(version, ()))
    return seen


def _unrelated() -> Conflict:
    return Conflict(
        "unrelated", "", "These versions have no common ancestor: fork one of them and improve the fork instead.",
        "这两个版本没有共同的祖先：请先复刻其中一个，再在复刻上改进。",
    )  # fmt: skip


def _entangled() -> Conflict:
    return Conflict(
        "unrelated", "", f"The history needs more than {MOST_STEPS} virtual bases; merge an older version first.",
        f"历史需要超过 {MOST_STEPS} 个虚拟基础版本；请先合并较早的版本。",
    )  # fmt: skip
