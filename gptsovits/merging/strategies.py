"""The arithmetic of the strategies, element by element in float64; each is symmetric in both sides at its defaults."""

from __future__ import annotations

import math

import numpy as np

from gptsovits.merging.recipe import Recipe, Strategy
from gptsovits.merging.sums import Doubles, total

_PARALLEL = 1e-6
"""Sine of the angle below which two tensors count as parallel: a straight line is then as good as the arc."""


def combine(strategy: Strategy, base: Doubles | None, ours: Doubles, theirs: Doubles, recipe: Recipe) -> Doubles:
    """The merged values; without a base (both ends of a criss-cross unrelated) the mean takes the place of a sum."""
    if strategy == "task" and base is not None:
        return base + recipe.scale * ((ours - base) + (theirs - base))
    if strategy == "ties" and base is not None:
        return base + recipe.scale * ties(ours - base, theirs - base, recipe.density)
    if strategy == "slerp":
        return slerp(ours, theirs, recipe.weight)
    return (1.0 - recipe.weight) * ours + recipe.weight * theirs


def ties(ours: Doubles, theirs: Doubles, density: float) -> Doubles:
    """Trims each change to its largest values, elects the sign of their sum, and averages what agrees with it."""
    one, two = trimmed(ours, density), trimmed(theirs, density)
    elected = np.sign(one + two)
    agree = [change * (np.sign(change) == elected) for change in (one, two)]
    count = sum((change != 0).astype(np.float64) for change in agree)
    summed = agree[0] + agree[1]
    averaged: Doubles = np.divide(summed, count, out=np.zeros_like(summed), where=np.asarray(count) > 0)
    return averaged


def trimmed(change: Doubles, density: float) -> Doubles:
    """The values of which at most the share `density` are greater; equal ones stay together."""
    keep = max(1, math.ceil(density * change.size))
    if keep >= change.size:
        return change
    size = np.abs(change)
    threshold = np.partition(size.reshape(-1), change.size - keep)[change.size - keep]
    return np.where(size >= threshold, change, 0.0)


def slerp(ours: Doubles, theirs: Doubles, weight: float) -> Doubles:
    """Along the arc between both (as vectors); along the line where they are parallel or one is zero."""
    lengths = math.sqrt(total(ours * ours)) * math.sqrt(total(theirs * theirs))
    cosine = max(-1.0, min(1.0, total(ours * theirs) / lengths)) if lengths > 0 else 1.0
    angle = math.acos(cosine)
    sine = math.sin(angle)
    if sine < _PARALLEL:
        return (1.0 - weight) * ours + weight * theirs
    return math.sin((1.0 - weight) * angle) / sine * ours + math.sin(weight * angle) / sine * theirs
