"""The merge itself: tensor by tensor in order of their names, computed in float64, stored in the type it had."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gptsovits.merging.checking import check
from gptsovits.merging.conflicts import Conflict, NotMergeable
from gptsovits.merging.history import Known, Plan
from gptsovits.merging.lexicons import merge_lexicons
from gptsovits.merging.modules import is_frozen, module_of
from gptsovits.merging.recipe import THREE_WAY, Recipe
from gptsovits.merging.report import ModuleReport, Tally
from gptsovits.merging.strategies import combine
from gptsovits.merging.sums import double
from gptsovits.merging.voice import Voice, same_bytes
from gptsovits.merging.weightnorm import Unit, factor, fold, units

Arrays = tuple[NDArray[Any], ...]


@dataclass(frozen=True)
class Merged:
    """The voice, and what happened part by part."""

    voice: Voice
    report: tuple[ModuleReport, ...]


def merge(base: Voice | None, ours: Voice, theirs: Voice, recipe: Recipe | None = None) -> Merged:
    """One voice of two that grew from `base`; configurations are those of ours.

    The same input gives the same bytes. Without a base (`Virtual.base` is None) `task` and `ties` take the mean.

    Raises:
        NotMergeable: with everything that `check` found, or where a result does not fit the type it is stored in.
    """
    recipe = recipe or Recipe()
    conflicts = check(base or ours, ours, theirs, recipe)
    if conflicts:
        raise NotMergeable(conflicts)
    tallies: dict[str, Tally] = {}
    tensors: dict[str, NDArray[Any]] = {}
    for unit in units((name, ours.tensors[name].shape) for name in ours.tensors):
        tally = tallies.setdefault(module_of(unit.stored[0]), Tally(module_of(unit.stored[0])))
        result = _unit(unit, base, ours, theirs, recipe, tally)
        tensors.update(zip(unit.stored, result, strict=True))
    before = (base or ours).lexicons
    lexicons = merge_lexicons(before, ours.lexicons, theirs.lexicons, recipe.lexicon)[0]
    voice = Voice(tensors, ours.configs, ours.requires, lexicons)
    return Merged(voice, tuple(tallies[name].report() for name in sorted(tallies)))


def build(plan: Plan, load: Callable[[str], Voice], recipe: Recipe | None = None) -> Voice:
    """The base that a plan names, its virtual parts merged by the recipe; `load` reads a version. Raises as `merge`."""
    if isinstance(plan, Known):
        return load(plan.version)
    base = build(plan.base, load, recipe) if plan.base else None
    return merge(base, build(plan.ours, load, recipe), build(plan.theirs, load, recipe), recipe).voice


def _unit(unit: Unit, base: Voice | None, ours: Voice, theirs: Voice, recipe: Recipe, tally: Tally) -> Arrays:
    mine, other = _stored(unit, ours), _stored(unit, theirs)
    before = _stored(unit, base) if base else None
    taken = _taken(unit, before, mine, other, recipe)
    if taken:
        tally.took(taken)
        return {"same": mine, "ours": mine, "theirs": other, "base": before or mine}[taken]
    tally.took("merged")
    weights = [_weight(side) if side else None for side in (before, mine, other)]
    one, two = weights[1], weights[2]
    assert one is not None
    assert two is not None
    if weights[0] is not None:
        tally.compared(weights[0], one, two)
    merged = combine(recipe.for_tensor(unit.stored[0]), weights[0], one, two, recipe)
    values = factor(merged, [mine[0], other[0]], [mine[1], other[1]]) if unit.normed else (merged,)
    return tuple(_cast(name, value, like) for name, value, like in zip(unit.stored, values, mine, strict=True))


def _taken(unit: Unit, base: Arrays | None, ours: Arrays, theirs: Arrays, recipe: Recipe) -> str:
    """From whom the unit is taken over as it is; empty when it is to be computed."""
    if _same(ours, theirs):
        return "same"
    strategy = recipe.for_tensor(unit.stored[0])
    if strategy in ("ours", "theirs", "base"):
        return strategy
    whole = is_frozen(unit.stored[0]) or not all(np.issubdtype(value.dtype, np.floating) for value in ours)
    if base is not None and (whole or strategy in THREE_WAY):
        if _same(base, theirs):
            return "ours"
        if _same(base, ours):
            return "theirs"
    return "ours" if whole else ""


def _stored(unit: Unit, voice: Voice) -> Arrays:
    return tuple(voice.tensors[name] for name in unit.stored)


def _weight(stored: Arrays) -> NDArray[np.float64]:
    return fold(*stored) if len(stored) == 2 else double(stored[0])


def _same(one: Arrays, other: Arrays) -> bool:
    return all(same_bytes(a, b) for a, b in zip(one, other, strict=True))


def _cast(name: str, values: NDArray[np.float64], like: NDArray[Any]) -> NDArray[Any]:
    with np.errstate(over="ignore"):
        stored = values.astype(like.dtype)
    if not np.isfinite(stored).all():
        raise NotMergeable([_not_finite(name, like)])
    return stored


def _not_finite(name: str, like: NDArray[Any]) -> Conflict:
    return Conflict(
        "value", name, f"The merged tensor {name} holds numbers that {like.dtype} cannot; use a smaller scale.",
        f"合并后的张量 {name} 含有 {like.dtype} 无法表示的数；请减小 scale。",
    )  # fmt: skip


