"""What a merge did, part by part."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from gptsovits.merging.sums import Doubles, total


@dataclass(frozen=True)
class ModuleReport:
    """One part of the voice.

    `same`, `ours`, `theirs`, `base` and `merged` count the tensors (weight-normed layers as one) that were equal, taken
    from one side, or computed. Of those computed: `agreement` is the cosine of both changes (1: the same direction, 0:
    nothing to do with each other, negative: against each other), `step_ours` and `step_theirs` the lengths of the
    changes relative to the base; None where there was nothing to compare.
    """

    module: str
    same: int
    ours: int
    theirs: int
    base: int
    merged: int
    agreement: float | None
    step_ours: float | None
    step_theirs: float | None


class Tally:
    """Collects what happened in one part."""

    def __init__(self, module: str) -> None:
        self._module = module
        self._counts: Counter[str] = Counter()
        self._sums = [0.0] * 4

    def took(self, what: str) -> None:
        """A tensor was taken over from `what`, or computed."""
        self._counts[what] += 1

    def compared(self, base: Doubles, ours: Doubles, theirs: Doubles) -> None:
        """Both sides changed these values."""
        one, two = ours - base, theirs - base
        for place, product in enumerate((one * two, one * one, two * two, base * base)):
            self._sums[place] += total(product)

    def report(self) -> ModuleReport:
        """All of it."""
        dot, one, two, whole = self._sums
        same, ours, theirs, base, merged = (self._counts[name] for name in ("same", "ours", "theirs", "base", "merged"))
        agreement, steps = _ratio(dot, one * two), [_ratio(math.sqrt(step), whole) for step in (one, two)]
        return ModuleReport(self._module, same, ours, theirs, base, merged, agreement, *steps)


def _ratio(value: float, square: float) -> float | None:
    return round(value / math.sqrt(square), 6) if square > 0 else None


def render(reports: Sequence[ModuleReport]) -> str:
    """A table for people."""
    head = f"{'part':20}{'same':>6}{'ours':>6}{'theirs':>8}{'merged':>8}"
    lines = [f"{head}{'agreement':>11}{'steps (ours, theirs)':>24}"]
    for one in reports:
        agreement = f"{one.agreement:+.2f}" if one.agreement is not None else "–"
        pair = (one.step_ours, one.step_theirs)
        steps = ", ".join(f"{step:.2%}" for step in pair if step is not None) or "–"
        lines.append(
            f"{one.module:20}{one.same:6}{one.ours:6}{one.theirs:8}{one.merged:8}{agreement:>11}{steps:>24}"
        )
    return "\n".join(lines)
