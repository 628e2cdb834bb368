"""Pronunciation of unlisted English words from their spelling.

The rules are learned from the CMU dictionary by :mod:`gptsovits.text.english.letter_to_sound_training`: the phones
of a letter given its neighbours, the longest known context deciding.
"""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

Context = tuple[int, int]

CONTEXTS: tuple[Context, ...] = ((0, 0), (0, 1), (1, 1), (1, 2), (2, 2), (2, 3), (3, 3), (3, 4), (4, 4))
"""How many letters to the left and to the right a rule sees, shortest context first."""

_EDGE = "#"


def context_key(word: str, place: int, context: Context) -> str:
    """Name of the letter at ``place`` with its neighbours; ``#`` stands for the edges of the word."""
    left, right = context
    padded = f"{_EDGE * left}{word}{_EDGE * right}"
    centre = place + left
    return f"{padded[centre - left : centre]}<{padded[centre]}>{padded[centre + 1 : centre + 1 + right]}"


@cache
def _shipped_rules() -> Mapping[str, tuple[str, ...]]:
    packed = files("gptsovits.text").joinpath("data", "letter_to_sound.tsv.gz").read_bytes()
    lines = (line.split("\t") for line in gzip.decompress(packed).decode().splitlines())
    return {key: tuple(phones.split()) for key, phones in lines}


def _phones_of_letter(word: str, place: int, rules: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    for context in reversed(CONTEXTS):
        phones = rules.get(context_key(word, place, context))
        if phones is not None:
            return phones
    return ()


def _one_main_stress(phones: list[str]) -> tuple[str, ...]:
    """The first main stress stays, later ones become secondary; a word without any gets it on its first vowel."""
    stressed = next((place for place, phone in enumerate(phones) if phone.endswith("1")), None)
    if stressed is None:
        stressed = next((place for place, phone in enumerate(phones) if phone[-1].isdigit()), None)
    return tuple(
        phone[:-1] + "1" if place == stressed else phone.replace("1", "2") for place, phone in enumerate(phones)
    )


def predict(word: str, rules: Mapping[str, tuple[str, ...]] | None = None) -> tuple[str, ...]:
    """ARPAbet phones with stress for a word of the letters a to z."""
    rules = _shipped_rules() if rules is None else rules
    phones = [phone for place in range(len(word)) for phone in _phones_of_letter(word, place, rules)]
    return _one_main_stress(phones)
