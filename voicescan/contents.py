"""Where in a saved object the weights are, and what else it holds.

A voice file keeps its weights under ``weight``; training states keep them under ``model`` or ``state_dict`` beside an
optimizer; encoders are bare tables of weights. Whatever is not weights, settings or a few plain numbers is left behind.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from voicescan.findings import Place, Refused
from voicescan.plain import Plainer
from voicescan.rules import printable
from voicescan.values import Bag, Collection, Pairs, Storage, TensorRef

_TABLES = ("weight", "model", "state_dict", "model_state_dict", "generator", "weights", "net_g", "params")
_PLAIN_EXTRAS = frozenset({"lora_rank", "iteration", "learning_rate", "epoch", "step"})
_LONGEST_PATH = 120


@dataclass(frozen=True)
class Parts:
    """Weights by name, settings, remark, plain extras, what is left behind, and the tensors among that."""

    weights: Pairs
    config: dict[str, object]
    info: str
    extra: dict[str, object]
    stripped: tuple[str, ...]
    aside: tuple[TensorRef, ...]


def parts_of(top: object, entry: str) -> Parts:
    """Takes a saved object apart. Raises ``Refused`` for settings that no model has."""
    items = (top.text_items() if isinstance(top, Pairs) else None) or {}
    title = next((name for name in _TABLES if _is_table(items.get(name))), None)
    if title is None and not _is_table(top):
        weights = Pairs(items=[(path, ref) for path, ref in leaves(top) if isinstance(ref, TensorRef)])
        return Parts(weights, {}, "", {}, (), ())
    table = top if title is None else items.pop(title)
    assert isinstance(table, Pairs)
    if title is None:
        weights = Pairs(items=[(key, value) for key, value in table.items if isinstance(value, TensorRef)])
        items = {key: value for key, value in items.items() if not isinstance(value, TensorRef)}
    else:
        weights = table
    stripped = () if table.state is None else ("the version table of the weights",)
    kept = {id(value) for _, value in weights.items}
    aside = tuple(ref for _, ref in leaves(top) if isinstance(ref, TensorRef) and id(ref) not in kept)
    config, dropped = _settings(items, entry)
    info, extra, left = _rest(items, entry)
    return Parts(weights, config, info, extra, (*left, *dropped, *stripped), aside)


def _is_table(value: object) -> bool:
    return isinstance(value, Pairs) and any(isinstance(item, TensorRef) for _, item in value.items)


def _settings(items: dict[str, object], entry: str) -> tuple[dict[str, object], tuple[str, ...]]:
    """The settings, which are a table or are left behind."""
    if not isinstance(items.get("config"), (Pairs, Bag)):
        return {}, ()
    plainer = Plainer(Place(entry))
    return plainer.settings(items.pop("config")), tuple(plainer.dropped)


def _rest(items: dict[str, object], entry: str) -> tuple[str, dict[str, object], list[str]]:
    info = ""
    if isinstance(items.get("info"), str):
        info = str(items.pop("info"))[:200]
    extra: dict[str, object] = {}
    for key in _PLAIN_EXTRAS & items.keys():
        try:
            extra[key] = Plainer(Place(entry)).convert(items[key])
        except Refused:
            continue
    return info, extra, [printable(f"item {key[:80]}") for key in items if key not in extra]


def leaves(top: object) -> Iterator[tuple[str, object]]:
    """Everything inside that is no container, with its path; shared and cyclic containers are entered once."""
    waiting: list[tuple[str, object]] = [("", top)]
    seen: set[int] = set()
    while waiting:
        path, value = waiting.pop()
        children = _children(value)
        if children is None:
            yield path or "tensor", value
        elif id(value) not in seen:
            seen.add(id(value))
            named = [(f"{path}.{key}".strip(".")[-_LONGEST_PATH:], child) for key, child in children]
            waiting += reversed(named)


def _children(value: object) -> list[tuple[str, object]] | None:
    if isinstance(value, Bag):
        return [] if value.state is None else [("", value.state)]
    if isinstance(value, Pairs):
        own = [(key[:_LONGEST_PATH] if isinstance(key, str) else _number(key), item) for key, item in value.items]
        keys = [("key", key) for key, _ in value.items if not isinstance(key, (str, int))]
        return [*own, *keys, *([] if value.state is None else [("", value.state)])]
    if isinstance(value, (Collection, tuple)):
        items = value.items if isinstance(value, Collection) else value
        return [(str(index), item) for index, item in enumerate(items)]
    return None


def _number(key: object) -> str:
    return str(key) if type(key) is int and abs(key) < 1 << 63 else "item"


def storages_in(top: object) -> dict[str, Storage]:
    """Storage references by key, wherever in the object they are."""
    known: dict[str, Storage] = {}
    for _, leaf in leaves(top):
        storage = leaf.storage if isinstance(leaf, TensorRef) else leaf
        if isinstance(storage, Storage):
            known.setdefault(storage.key, storage)
    return known
