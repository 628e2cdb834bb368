"""Abstract values as plain settings: dicts with text keys, lists, text, numbers, truth values and None."""

from __future__ import annotations

import math

from voicescan.findings import Place
from voicescan.limits import MAX_CONFIG_DEPTH, MAX_CONFIG_TEXT, MAX_CONFIG_VALUES
from voicescan.rules import printable, refuse
from voicescan.values import Bag, Collection, Pairs

_MAX_NUMBER = 1 << 63
FORMATIVE = frozenset({"data", "model", "ext"})
"""Sections that size the network: what is wrong there is a finding. Elsewhere it is left out and listed."""


class _Unfit(Exception):
    """A value that settings cannot hold; the text says what it is."""


class Plainer:
    """Converts one value. Every visit counts, so that shared and cyclic structures cannot unfold without bound."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.left = MAX_CONFIG_VALUES
        self.dropped: list[str] = []

    def settings(self, value: object) -> dict[str, object]:
        """A table of settings; what no setting can be is left out and named in ``dropped``. Raises ``Refused``."""
        pairs = (value.state or Pairs()) if isinstance(value, Bag) else value
        items = pairs.text_items() if isinstance(pairs, Pairs) else None
        if items is None:
            raise refuse("config", self.place, "a setting without a name, or named twice")
        kept: dict[str, object] = {}
        for name, item in items.items():
            self._keep(kept, name, item, 1, name in FORMATIVE)
        return kept

    def convert(self, value: object) -> object:
        """The plain form of ``value``. Raises ``Refused``."""
        try:
            return self._convert(value, 0, strict=True)
        except _Unfit as unfit:
            raise refuse("config", self.place, str(unfit)) from unfit

    def check(self, value: object, depth: int = 0) -> None:
        """Settings that came as JSON, within the same bounds, but that long texts are no reason. Raises ``Refused``."""
        self._count(depth)
        if isinstance(value, (dict, list)):
            for name, item in value.items() if isinstance(value, dict) else enumerate(value):
                if isinstance(name, str) and not _encodable(name):
                    raise refuse("config", self.place, "a setting whose name is no text")
                self.check(item, depth + 1)
        elif not _fits(value, longest=None):
            raise refuse("config", self.place, f"a value of kind {type(value).__name__}")

    def _keep(self, kept: dict[str, object], name: str, item: object, depth: int, strict: bool) -> None:
        try:
            kept[name] = self._convert(item, depth, strict)
        except _Unfit as unfit:
            if strict:
                raise refuse("config", self.place, f"{name[:80]} is {unfit}") from unfit
            self.dropped.append(printable(f"setting {name[:120]}"))

    def _convert(self, value: object, depth: int, strict: bool) -> object:
        self._count(depth)
        if isinstance(value, Bag):
            return self._mapping(value.state or Pairs(), depth, strict)
        if isinstance(value, Pairs):
            return self._mapping(value, depth, strict)
        if isinstance(value, Collection) and value.kind == "list":
            return [self._convert(item, depth + 1, strict) for item in value.items]
        if isinstance(value, tuple):
            return [self._convert(item, depth + 1, strict) for item in value]
        return _scalar(value)

    def _count(self, depth: int) -> None:
        self.left -= 1
        if self.left < 0 or depth > MAX_CONFIG_DEPTH:
            raise refuse("config", self.place, "more settings than any voice model has")

    def _mapping(self, pairs: Pairs, depth: int, strict: bool) -> dict[str, object]:
        if not all(isinstance(key, str) for key, _ in pairs.items):
            raise _Unfit("a table whose keys are not text")
        items = pairs.text_items()
        if items is None:
            raise refuse("config", self.place, "a setting that is named twice")
        kept: dict[str, object] = {}
        for name, item in items.items():
            self._keep(kept, name, item, depth + 1, strict)
        return kept


def _scalar(value: object) -> object:
    if _fits(value):
        return value
    raise _Unfit(f"a value of kind {type(value).__name__}")


def _fits(value: object, longest: int | None = MAX_CONFIG_TEXT) -> bool:
    """What every service can carry: JSON's scalars, numbers finite and within 64 bits."""
    if isinstance(value, str):
        return (longest is None or len(value) <= longest) and _encodable(value)
    if isinstance(value, int):
        return abs(value) < _MAX_NUMBER
    return value is None or (isinstance(value, float) and math.isfinite(value))


def _encodable(text: str) -> bool:
    """Lone surrogates cannot be written to JSON."""
    return not any("\ud800" <= char <= "\udfff" for char in text)
