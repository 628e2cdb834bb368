"""Normalised Chinese text to phones, two per character."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from gptsovits.text.mandarin.normalize import LONG_PAUSES, normalize, unreadable
from gptsovits.text.mandarin.sandhi import change_tones
from gptsovits.text.mandarin.syllables import syllable_phones
from gptsovits.text.mandarin.words import Word, join_for_sandhi, segment_words
from gptsovits.text.sequence import Spoken
from gptsovits.text.symbols import UNKNOWN

__all__ = ["FEWEST_PHONES", "normalize", "pronounce", "unreadable"]

FEWEST_PHONES = 0

_SENTENCE = re.compile("[\u4e00-\u9fa5]+|[^\u4e00-\u9fa5]")


@cache
def _pypinyin() -> Any:
    import pypinyin

    return pypinyin


def _pinyin(word: str) -> list[str]:
    """Toned pinyin of each character; the neutral tone is 5."""
    library = _pypinyin()
    found = library.lazy_pinyin(word, style=library.Style.TONE3, neutral_tone_with_five=True)
    return found if len(found) == len(word) else list(word)


def _tones(word: str) -> str:
    return "".join(syllable[-1] for syllable in _pinyin(word))


def _pronounce_word(word: Word) -> list[Spoken]:
    toned = change_tones(word, _pinyin(word.text))
    return [
        Spoken(char, syllable_phones(syllable) or (UNKNOWN, UNKNOWN))
        for char, syllable in zip(word.text, toned, strict=True)
    ]


def pronounce(normalized: str) -> list[Spoken]:
    """Each character and mark of a normalised text with its phones."""
    spoken: list[Spoken] = []
    for match in _SENTENCE.finditer(normalized):
        run = match[0]
        if "\u4e00" <= run[0] <= "\u9fa5":
            for word in join_for_sandhi(segment_words(run), _tones):
                spoken += _pronounce_word(word)
        else:
            spoken.append(Spoken(run, (LONG_PAUSES.get(run, run),)))
    return spoken
