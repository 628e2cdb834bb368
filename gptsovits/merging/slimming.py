"""A lossy update, for who asks for it: a voice whose changes from its base are coarser, so that fewer bytes travel."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gptsovits.errors import UnsupportedVoice
from gptsovits.formats.delta import as_bytes, coarse, encode, supports
from gptsovits.merging.modules import module_of
from gptsovits.merging.voice import Voice, same_bytes

LEAST_SIZE = 4096
"""Values below which a tensor stays exact: norms and biases are few, and a voice hears every one."""


@dataclass(frozen=True)
class ModuleSlimmed:
    """One part: bytes of its changed tensors, of their deltas as they were and as they are.

    `error` is the share of the change that was lost: root mean square of what is off over that of the change.
    """

    module: str
    changed: int
    lossless: int
    lossy: int
    error: float


def slim(base: Voice, tuned: Voice, error: float) -> tuple[Voice, list[ModuleSlimmed]]:
    """`tuned` with each tensor's change from `base` off by at most `error` of itself, and what that did part by part.

    What has no counterpart in the base, small tensors and whole numbers stay exact, and what the base keeps in
    bfloat16: there is no update to it, and it travels whole.

    Raises:
        UnsupportedVoice: the base is kept in bfloat16. What comes out is float32, and there is no update from one type
            to another: the whole voice would travel, at twice its size.
    """
    tensors, parts = dict(tuned.tensors), dict[str, list[tuple[float, ...]]]()
    changed: dict[str, tuple[NDArray[Any], NDArray[Any]]] = {}
    for name, after in tuned.tensors.items():
        before = base.tensors.get(name)
        alike = before is not None and (before.dtype, before.shape) == (after.dtype, after.shape)
        if before is None or not alike or not supports(str(after.dtype)) or same_bytes(before, after):
            continue
        changed[name] = (before, after)
    known = [told for before, _ in changed.values() if (told := _was_bfloat16(before)) is not None]
    if known and all(known):
        what = "The base is in bfloat16; what is made of it here is float32, to which there is no update."
        raise UnsupportedVoice(what)
    for name, (before, after) in changed.items():
        tensors[name], numbers = _slimmed(before, after, error)
        parts.setdefault(module_of(name), []).append(numbers)
    report = [_summed(module, rows) for module, rows in parts.items()]
    return Voice(tensors, tuned.configs, tuned.requires, tuned.lexicons), report


def _was_bfloat16(values: NDArray[Any]) -> bool | None:
    """Whether a hub keeps them in half of the bits that they have here: none has a digit beyond those of bfloat16.

    None where that cannot be told: few values, or such as 0 and 1 alone.
    """
    if values.dtype != np.float32 or values.size < LEAST_SIZE:
        return None
    bits = np.bitwise_or.reduce(np.ascontiguousarray(values).view(np.uint32), axis=None)
    return not bits & 0xFFFF if bits & 0x7F_FFFF else None


def _slimmed(before: NDArray[Any], after: NDArray[Any], error: float) -> tuple[NDArray[Any], tuple[float, ...]]:
    """The coarser tensor; its bytes, both deltas' bytes, squares of the change and of what was lost."""
    dtype, old, new = str(after.dtype), as_bytes(before), as_bytes(after)
    if _was_bfloat16(before):
        return after, (len(new), len(new), len(new), 0.0, 0.0)
    made, lost = coarse(old, new, dtype, error) if after.size >= LEAST_SIZE else (new, 0.0)
    sizes = [min(len(new), len(encode(old, one, dtype, after.shape))) for one in (new, made)]
    change = float(np.square(after.astype(np.float64) - before).sum())
    tensor = np.frombuffer(made, after.dtype).reshape(after.shape)
    return tensor, (len(new), *sizes, change, lost**2 * change)


def _summed(module: str, rows: Sequence[tuple[float, ...]]) -> ModuleSlimmed:
    changed, lossless, lossy, change, lost = (sum(column) for column in zip(*rows, strict=True))
    error = round(math.sqrt(lost / change), 4) if change else 0.0
    return ModuleSlimmed(module, int(changed), int(lossless), int(lossy), error)


def render(report: Sequence[ModuleSlimmed]) -> str:
    """A table for people."""
    lines = [f"{'part':20}{'changed':>12}{'its deltas':>12}{'now':>12}{'of the change lost':>20}"]
    for one in report:
        lines.append(f"{one.module:20}{one.changed:12,}{one.lossless:12,}{one.lossy:12,}{one.error:>20.1%}")
    return "\n".join(lines)
