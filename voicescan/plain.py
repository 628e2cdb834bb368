"""Abstract values as plain settings: dicts with text keys, lists, text, numbers, truth values and None."""

from __future__ import annotations

import math

from voicescan.findings import Place
from voicescan.limits import MAX_CONFIG_DEPTH, MAX_CONFIG_TEXT, MAX_CONFIG_VALUES
from voicescan.rules import refuse
from voicescan.values import Bag, Collection, Pairs

_MAX_NUMBER = 1 << 63


class Plainer:
    """Converts one value. Every visit counts, so that shared and cyclic structures cannot unfold without bound."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.left = MAX_CONFIG_VALUES

    def convert(self, value: object, depth: int = 0) -> object:
        """The plain form of ``value``. Raises ``Refused``."""
        self.left -= 1
        if self.left < 0 or depth > MAX_CONFIG_DEPTH:
            raise refuse("config", self.place, "more settings than any voice model has")
        if isinstance(value, Bag):
            return self._mapping(value.state or Pairs(), depth)
        if isinstance(value, Pairs):
            return self._mapping(value, depth)
        if isinstance(value, Collection) and value.kind == "list":
            return [self.convert(item, depth + 1) for item in value.items]
        if isinstance(value, tuple):
            return [self.convert(item, depth + 1) for item in value]
        return self._scalar(value)

    def _mapping(self, pairs: Pairs, depth: int) -> dict[str, object]:
        items = pairs.text_items()
        if items is None:
            raise refuse("config", self.place, "a setting without a name, or named twice")
        return {key: self.convert(item, depth + 1) for key, item in items.items()}

    def _scalar(self, value: object) -> object:
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str) and len(value) <= MAX_CONFIG_TEXT and _encodable(value):
            return value
        if isinstance(value, int) and abs(value) < _MAX_NUMBER:
            return value
        if isinstance(value, float) and math.isfinite(value):
            return value
        raise refuse("config", self.place, f"a value of kind {type(value).__name__}")


def _encodable(text: str) -> bool:
    """Lone surrogates cannot be written to JSON."""
    return not any("\ud800" <= char <= "\udfff" for char in text)
