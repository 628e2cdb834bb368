"""Whether three voices fit together: nothing is forced, and all that stands against a merge is said at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from gptsovits.merging.conflicts import Conflict, Kind
from gptsovits.merging.lexicons import merge_lexicons
from gptsovits.merging.modules import is_frozen
from gptsovits.merging.recipe import Recipe
from gptsovits.merging.voice import Voice, same_bytes

TRAINING = frozenset(
    {
        "train", "optimizer", "inference", "output_dir", "name", "pretrain", "resume_step", "s2_ckpt_dir",
        "save_weight_dir", "pretrained_s1", "train_semantic_path", "train_phoneme_path", "data.exp_dir",
        "data.training_files", "data.validation_files", "data.num_workers", "data.max_eval_sample", "data.max_sec",
    }
)  # fmt: skip
"""Keys of a configuration that say how or where a voice was trained, not what it is."""


def check(base: Voice, ours: Voice, theirs: Voice, recipe: Recipe | None = None) -> list[Conflict]:
    """All conflicts, in a fixed order; empty when the voices can be merged."""
    recipe = recipe or Recipe()
    found = [*_requires(base, ours, theirs), *_configs(base, ours, theirs), *_tensors(base, ours, theirs)]
    return found + merge_lexicons(base.lexicons, ours.lexicons, theirs.lexicons, recipe.lexicon)[1]


def _requires(base: Voice, ours: Voice, theirs: Voice) -> Iterator[Conflict]:
    for kind in sorted({*base.requires, *ours.requires, *theirs.requires}):
        needed = [side.requires.get(kind, "") for side in (base, ours, theirs)]
        if len(set(needed)) > 1:
            shown = ", ".join(f"{digest[:19] or '–'}" for digest in needed)
            yield Conflict(
                "requires", kind,
                f"The voices stand on different {kind} (base, ours, theirs: {shown}): their weights cannot be mixed.",
                f"这些版本依赖不同的 {kind}（基础、我方、对方：{shown}），权重含义不同，无法合并。",
            )  # fmt: skip


def _configs(base: Voice, ours: Voice, theirs: Voice) -> Iterator[Conflict]:
    sides = [dict(_flat(side.configs)) for side in (base, ours, theirs)]
    for key in sorted({key for side in sides for key in side}):
        values = [side.get(key) for side in sides]
        if any(value != values[0] for value in values[1:]):
            shown = ", ".join(map(str, values))
            yield Conflict(
                "config", key, f"The configurations differ in {key} (base, ours, theirs: {shown}).",
                f"配置 {key} 不同（基础、我方、对方：{shown}）。",
            )  # fmt: skip


def _flat(configs: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """`stage.section.key` and its value, without what only says how the voice was trained."""
    for stage, config in configs.items():
        for path, value in _leaves(config or {}, ""):
            if path not in TRAINING and path.split(".")[0] not in TRAINING:
                yield f"{stage}.{path}", value


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}" if path else str(key))
    else:
        yield path, list(value) if isinstance(value, tuple) else value


def _tensors(base: Voice, ours: Voice, theirs: Voice) -> Iterator[Conflict]:
    sides = {"base": base.tensors, "ours": ours.tensors, "theirs": theirs.tensors}
    for name in sorted({name for tensors in sides.values() for name in tensors}):
        absent = [side for side, tensors in sides.items() if name not in tensors]
        if absent:
            yield _conflict("missing", name, f"is missing in {' and '.join(absent)}", f"在 {'、'.join(absent)} 中缺失")
            continue
        arrays = [tensors[name] for tensors in sides.values()]
        shapes, types = [a.shape for a in arrays], [str(a.dtype) for a in arrays]
        if len(set(shapes)) > 1:
            yield _conflict("shape", name, f"has other shapes: {_three(shapes)}", f"形状不同：{_three(shapes)}")
        elif len(set(types)) > 1:
            yield _conflict("type", name, f"has other types: {_three(types)}", f"类型不同：{_three(types)}")
        elif is_frozen(name) and not (same_bytes(arrays[0], arrays[1]) and same_bytes(arrays[0], arrays[2])):
            yield _conflict(
                "frozen", name, "is frozen, but one side changed it: tokens of the voices mean different sounds",
                "应当冻结，却被一方修改：两个声音的语义标记不再一致",
            )  # fmt: skip
        elif not np.issubdtype(arrays[0].dtype, np.floating) and _both_changed(*arrays):
            yield _conflict("integer", name, "holds whole numbers and both changed it", "是整数，且双方都修改了它")


def _both_changed(base: Any, ours: Any, theirs: Any) -> bool:
    return not (same_bytes(ours, theirs) or same_bytes(base, ours) or same_bytes(base, theirs))


def _conflict(kind: Kind, name: str, message_en: str, message_zh: str) -> Conflict:
    return Conflict(kind, name, f"The tensor {name} {message_en}.", f"张量 {name} {message_zh}。")


def _three(values: list[Any]) -> str:
    return ", ".join(map(str, values))
