"""The classes that the content encoder tells apart, and the tokens that stage 1 of a nano voice speaks in.

A nano token stands for 40 ms of one phone: ``2 * c`` where a phone of token class ``c`` begins and ``2 * c + 1`` where
it goes on. Token classes keep the stress of vowels; frame classes, which are heard and not read, do without it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from gptsovits.text import symbols as inventory

_VOWELS = ("AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW")
_CONSONANTS = (
    "B", "CH", "D", "DH", "F", "G", "HH", "JH", "K", "L", "M", "N", "NG", "P", "R", "S", "SH", "T", "TH", "V", "W", "Y",
    "Z", "ZH",
)  # fmt: skip
SILENCE_CLASS = 0
PHONE_CLASSES: dict[str, int] = {phone: index + 1 for index, phone in enumerate(itertools.chain(_VOWELS, _CONSONANTS))}
CLASS_COUNT = len(PHONE_CLASSES) + 1

_STRESSED = {vowel + stress: index for index, vowel in enumerate(_VOWELS) for stress in "12"}
_UNSTRESSED = {vowel + "0": len(_VOWELS) + index for index, vowel in enumerate(_VOWELS)}
_SPOKEN = {**_STRESSED, **_UNSTRESSED, **{phone: 2 * len(_VOWELS) + i for i, phone in enumerate(_CONSONANTS)}}
TOKEN_CLASSES: dict[str, int] = {phone: index + 1 for phone, index in _SPOKEN.items()}
"""Token class of every ARPAbet symbol; 0 is silence."""
TOKEN_COUNT = 2 * (1 + 2 * len(_VOWELS) + len(_CONSONANTS))
"""Tokens of the nano codebook: a beginning and a continuation of every token class."""


def phone_class(symbol: str) -> int:
    """Frame class of a phone symbol without regard to stress; marks and '' are silence."""
    return PHONE_CLASSES.get(symbol.rstrip("012"), SILENCE_CLASS)


def token_classes(symbols: Iterable[str]) -> NDArray[np.int64]:
    """Token class of each phone symbol; marks and '' are silence."""
    return np.array([TOKEN_CLASSES.get(symbol, SILENCE_CLASS) for symbol in symbols], np.int64)


def classes_of_ids(count: int) -> NDArray[np.int64]:
    """Token class of each of the first ``count`` phone ids of the v2 inventory."""
    return token_classes(inventory.V2[:count])
