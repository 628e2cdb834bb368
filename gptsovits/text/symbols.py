"""The phone inventories of both model generations; a phone's id is its position.

v2 has 732 entries (Mandarin, English, Japanese, Korean, Cantonese), v1 has 322 (no Korean, no Cantonese).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from importlib.resources import files
from types import MappingProxyType

PAD = "_"
UNKNOWN = "UNK"


def _inventories() -> Mapping[str, tuple[str, ...]]:
    text = files("gptsovits.text").joinpath("data", "symbols.json").read_text("utf-8")
    return {version: tuple(phones) for version, phones in json.loads(text).items()}


_INVENTORIES = _inventories()
V1: tuple[str, ...] = _INVENTORIES["v1"]
V2: tuple[str, ...] = _INVENTORIES["v2"]
_IDS = {
    version: MappingProxyType({phone: index for index, phone in enumerate(phones)})
    for version, phones in _INVENTORIES.items()
}


def id_table(version: str = "v2") -> Mapping[str, int]:
    """Phone to id of an inventory, ``"v1"`` or ``"v2"``.

    Raises:
        ValueError: for another version.
    """
    try:
        return _IDS[version]
    except KeyError:
        raise ValueError(f"There is no phone inventory {version!r}; known are v1 and v2.") from None


def phone_ids(phones: Iterable[str], version: str = "v2") -> tuple[int, ...]:
    """Ids of phones; a phone that the inventory does not hold gets the id of ``UNK``."""
    table = id_table(version)
    unknown = table[UNKNOWN]
    return tuple(table.get(phone, unknown) for phone in phones)
