"""Cantonese text to phones by way of Jyutping; the Mandarin normaliser writes out numbers."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from gptsovits.text.mandarin.normalize import LONG_PAUSES, normalize, unreadable
from gptsovits.text.sequence import Spoken
from gptsovits.text.symbols import UNKNOWN, id_table

__all__ = ["FEWEST_PHONES", "normalize", "pronounce", "unreadable"]

FEWEST_PHONES = 0

_PREFIX = "Y"
_JYUTPING_NAME = re.compile("Y([a-z]+)")
_CHINESE = re.compile("[\u4e00-\u9fa5]+|[^\u4e00-\u9fa5]")
_VOWELLESS = {"hm": "ham", "hng": "hang"}


@cache
def _library() -> Any:
    import ToJyutping

    return ToJyutping


@cache
def _initials() -> tuple[str, ...]:
    """The toneless Cantonese names of the inventory, longest first; a few vowels are among them."""
    names = (_JYUTPING_NAME.fullmatch(phone) for phone in id_table())
    return tuple(sorted((match[1] for match in names if match), key=len, reverse=True))


def syllable_phones(syllable: str) -> tuple[str, ...]:
    """Phones of a Jyutping syllable: ``"nei5"`` is ``("Yn", "Yei5")``, ``"m4"`` is ``("Ym", "Ym4")``."""
    bare, tone = _VOWELLESS.get(syllable[:-1], syllable[:-1]), syllable[-1]
    initial = next((start for start in _initials() if bare.startswith(start)), "")
    final = bare[len(initial) :] or initial[-1:]
    phones = (_PREFIX + initial, _PREFIX + final + tone) if initial else (_PREFIX + final + tone,)
    return phones if all(phone in id_table() for phone in phones) else (UNKNOWN, UNKNOWN)


def pronounce(normalized: str) -> list[Spoken]:
    """Each character and mark of a normalised text with its phones."""
    spoken: list[Spoken] = []
    for match in _CHINESE.finditer(normalized):
        run = match[0]
        if "\u4e00" <= run[0] <= "\u9fa5":
            for char, syllable in _library().get_jyutping_list(run):
                spoken.append(Spoken(char, syllable_phones(syllable) if syllable else (UNKNOWN, UNKNOWN)))
        else:
            spoken.append(Spoken(run, (LONG_PAUSES.get(run, run),)))
    return spoken
