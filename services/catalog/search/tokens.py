"""Text as search sees it: folded (width, case, traditional → simplified), then words and single Han characters."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import cache, lru_cache

from opencc import OpenCC

_HAN = r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_KANA_HANGUL = r"\u3040-\u30ff\uac00-\ud7af"
_UNIT = re.compile(rf"[{_HAN}{_KANA_HANGUL}]|[^\W_{_HAN}{_KANA_HANGUL}]+")
_SINGLE = re.compile(rf"[{_HAN}{_KANA_HANGUL}]")
# Where one statement ends: what is denied before it is not denied after it. The point of "CC BY 4.0" ends none.
_CLAUSE = re.compile(
    r"[,;!?:|()，。；：！？、\n]+|(?<!\d)\.|\.(?!\d)|\bhowever\b|而是|但是|不过"
    r"|(?<!anything )(?<!anyone )(?<!anybody )(?<!everything )(?<!no one )\bbut\b"
)
_SPACE = re.compile(rf"(?<=[{_HAN}])\s+(?=[{_HAN}])")
_ENDINGS = ("ings", "ing", "ies", "ed", "es", "s")


@cache
def _simplifier() -> OpenCC:
    return OpenCC("t2s")


def fold(text: str) -> str:
    """NFKC, lower case, simplified characters: what the user meant, however it was typed."""
    folded = unicodedata.normalize("NFKC", text).lower()
    return _simplified(folded) if _SINGLE.search(folded) else folded


@lru_cache(maxsize=256)  # a record's texts are folded for its facets and for its stems
def _simplified(text: str) -> str:
    return str(_simplifier().convert(text))


def units(text: str) -> tuple[str, ...]:
    """The units of a text, folded: a Latin word or number is one, so is each Han, kana and hangul character."""
    return units_of_folded(fold(text))


def units_of_folded(text: str) -> tuple[str, ...]:
    """The units of a text that `fold` leaves as it is, without the time that folding takes."""
    return tuple(_UNIT.findall(text))


def clauses(text: str) -> Iterable[tuple[str, ...]]:
    """The units of each statement of a text."""
    return (found for piece in _CLAUSE.split(fold(text)) if (found := tuple(_UNIT.findall(piece))))


def split(text: str) -> Iterable[list[tuple[str, ...]]]:
    """The units of each statement of a text, apart where a space stands between two Han characters."""
    for piece in _CLAUSE.split(fold(text)):
        if found := [run for part in _SPACE.split(piece) if (run := tuple(_UNIT.findall(part)))]:
            yield found


def is_single(unit: str) -> bool:
    """Whether a unit is one character of a script written without spaces."""
    return bool(_SINGLE.fullmatch(unit))


def overlap(left: Sequence[str], right: Sequence[str]) -> bool:
    """Whether one of two runs of units stands in the other."""
    part, whole = sorted((tuple(left), tuple(right)), key=len)
    return any(whole[start : start + len(part)] == part for start in range(len(whole) - len(part) + 1))


def written(pieces: Sequence[str]) -> str:
    """Units as one would write them: spaces around Latin words only."""
    text = ""
    for unit in pieces:
        spaced = text and not (is_single(unit) and is_single(text[-1]))
        text += f" {unit}" if spaced else unit
    return text


def stem(unit: str) -> str:
    """A Latin word without its inflection, so that `pirates` finds `pirate`; other units as they are."""
    if len(unit) < 4 or not unit.isascii() or not unit.isalpha():
        return unit
    for ending in _ENDINGS:
        root = unit.removesuffix(ending)
        if root != unit and len(root) >= 3 and not root.endswith("s"):
            return root + "i" if ending == "ies" else _bare(root)
    return _bare(unit)


def _bare(root: str) -> str:
    """A root without its silent e, with i for y."""
    if len(root) < 5:
        return root
    return root[:-1] + "i" if root.endswith("y") else root.removesuffix("e")


def stems(pieces: Iterable[str]) -> tuple[str, ...]:
    """The units as the full-text index holds them."""
    return tuple(stem(piece) for piece in pieces)
