"""Ways from the tensors of one version to those of a later one, as pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

DEPTH = 4
"""Most deltas that are applied one after the other, and most generations looked back."""


@dataclass(frozen=True)
class Step:
    """A delta object that makes the tensor `result` of the tensor `base`; digests, `size` of the delta in bytes."""

    base: str
    result: str
    digest: str
    size: int


def chain(target: str, size: int, had: frozenset[str], generations: Sequence[Mapping[str, Step]]) -> list[Step]:
    """The deltas that lead from one of the tensors `had` to `target`, in order of application.

    `generations`: steps by the digest of their result, newest generation first. A tensor that a generation did not
    change is passed on. Empty if there is no way, or one that is no smaller than the tensor's own `size` bytes.
    """
    found: list[Step] = []
    wanted = target
    for steps in generations:
        if wanted in had:
            break
        step = steps.get(wanted)
        if step is not None:
            found.insert(0, step)
            wanted = step.base
    complete = wanted in had and sum(step.size for step in found) < size
    return found if complete else []
