"""The classes that the content encoder tells apart: ARPAbet phones without stress, and silence."""

from __future__ import annotations

import itertools

_VOWELS = ("AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW")
_CONSONANTS = (
    "B", "CH", "D", "DH", "F", "G", "HH", "JH", "K", "L", "M", "N", "NG", "P", "R", "S", "SH", "T", "TH", "V", "W", "Y",
    "Z", "ZH",
)  # fmt: skip
SILENCE_CLASS = 0
PHONE_CLASSES: dict[str, int] = {phone: index + 1 for index, phone in enumerate(itertools.chain(_VOWELS, _CONSONANTS))}
CLASS_COUNT = len(PHONE_CLASSES) + 1


def phone_class(symbol: str) -> int:
    """Class of a phone symbol without regard to stress; marks and '' are silence."""
    return PHONE_CLASSES.get(symbol.rstrip("012"), SILENCE_CLASS)
