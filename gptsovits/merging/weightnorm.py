"""Weight norm: a layer stored as length and direction is merged as the weight that it stands for."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gptsovits.merging.sums import Doubles, double, norms

_PARTS = re.compile(r"^(?P<layer>.+?)(?:\.(?P<plain>\w+)_[gv]|\.parametrizations\.(?P<new>\w+)\.original[01])$")


@dataclass(frozen=True)
class Unit:
    """What is merged as one: a tensor, or a `(length, direction)` pair by both conventions of torch."""

    name: str
    stored: tuple[str, ...]

    @property
    def normed(self) -> bool:
        """Whether it is a pair."""
        return len(self.stored) == 2


def units(shapes: Iterable[tuple[str, tuple[int, ...]]]) -> Iterator[Unit]:
    """The tensors in order of their names, pairs joined where both halves are there and fit."""
    known = dict(shapes)
    taken: set[str] = set()
    for name in sorted(known):
        if name in taken:
            continue
        pair = _pair_of(name, known)
        unit = Unit(*pair) if pair else Unit(name, (name,))
        taken.update(unit.stored)
        yield unit


def fold(length: NDArray[Any], direction: NDArray[Any]) -> Doubles:
    """`g * v / |v|` in float64; rows without a direction are zero."""
    g, v = double(length), double(direction)
    size = norms(v, _axes(g.shape))
    return g * np.divide(v, size, out=np.zeros_like(v), where=size > 0)


def factor(
    weight: Doubles, length: Sequence[NDArray[Any]], direction: Sequence[NDArray[Any]]
) -> tuple[Doubles, Doubles]:
    """The weight as length and direction; the direction is as long as those of both sides are in the mean.

    Its length has no effect on what the layer does, but on how fast it would learn further.
    """
    axes = _axes(length[0].shape)
    wanted = sum(norms(double(v), axes) for v in direction) / len(direction)
    wanted = np.where(wanted > 0, wanted, 1.0)
    size = norms(weight, axes)
    flat = 1.0 / np.sqrt(np.prod([weight.shape[axis] for axis in axes]))
    unit = np.divide(weight, size, out=np.full_like(weight, flat), where=size > 0)
    return size, unit * wanted


def _pair_of(name: str, known: dict[str, tuple[int, ...]]) -> tuple[str, tuple[str, str]] | None:
    match = _PARTS.match(name)
    if match is None:
        return None
    layer, plain, new = match["layer"], match["plain"], match["new"]
    if plain:
        halves = (f"{layer}.{plain}_g", f"{layer}.{plain}_v")
    else:
        halves = (f"{layer}.parametrizations.{new}.original0", f"{layer}.parametrizations.{new}.original1")
    if any(half not in known for half in halves):
        return None
    length, direction = known[halves[0]], known[halves[1]]
    fits = len(length) == len(direction) and all(g in (1, v) for g, v in zip(length, direction, strict=True))
    return (f"{layer}.{plain or new}", halves) if fits and direction else None


def _axes(length: tuple[int, ...]) -> tuple[int, ...]:
    """The norm runs over the axes along which there is one length."""
    return tuple(axis for axis, extent in enumerate(length) if extent == 1)
