"""How the lexicon's Chinese words sound: `sounds.txt.gz`, made by `tools/word_sounds.py`.

The dictionaries of pinyin and jyutping take two seconds to read and four for the words of the lexicon: the first search
would wait for that. A word that the table lacks, because a list was extended, is looked up in them.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

SOUNDS = Path(__file__).with_name("sounds.txt.gz")
_DIGITS = re.compile(r"\d")
_MARKS = str.maketrans("āáǎàēéěèīíǐìōóǒòūúǔùǖǘǚǜ", "aaaaeeeeiiiioooouuuuüüüü")
Sounds = tuple[str, str]
"""Pinyin and jyutping in one piece each, without tones; ü is written v."""


def pinyin(text: Sequence[str]) -> tuple[str, ...]:
    """The toneless pinyin syllable of each Han character; ü is written v."""
    from pypinyin import lazy_pinyin

    return tuple(lazy_pinyin("".join(text), errors="ignore"))


def toneless(sound: str) -> str:
    """A sound without the digits or marks of its tones."""
    return _DIGITS.sub("", sound.translate(_MARKS))


def looked_up(word: Sequence[str]) -> Sounds:
    """What the dictionaries say."""
    from ToJyutping import get_jyutping_list

    jyutping = "".join(syllable or "" for _, syllable in get_jyutping_list("".join(word)))
    return "".join(pinyin(word)), toneless(jyutping)


def sounds_of(word: Sequence[str]) -> Sounds:
    """The sounds of a word."""
    return table().get("".join(word)) or looked_up(word)


@cache
def table(path: Path = SOUNDS) -> Mapping[str, Sounds]:
    """Words with their sounds."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = (line.rstrip("\n").split("\t") for line in lines)
        return {word: (mandarin, cantonese) for word, mandarin, cantonese in rows}
