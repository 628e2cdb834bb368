"""Text as search sees it: folded (width, case, traditional → simplified), then words and single Han characters."""

from __future__ import annotations

import re
import unicodedata
from functools import cache

from opencc import OpenCC

_HAN = r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_KANA_HANGUL = r"\u3040-\u30ff\uac00-\ud7af"
_UNIT = re.compile(rf"[{_HAN}{_KANA_HANGUL}]|[^\W_{_HAN}{_KANA_HANGUL}]+")
_SINGLE = re.compile(rf"[{_HAN}{_KANA_HANGUL}]")


@cache
def _simplifier() -> OpenCC:
    return OpenCC("t2s")


def fold(text: str) -> str:
    """NFKC, lower case, simplified characters: what the user meant, however it was typed."""
    folded = unicodedata.normalize("NFKC", text).lower()
    return str(_simplifier().convert(folded)) if _SINGLE.search(folded) else folded


def units(text: str) -> tuple[str, ...]:
    """The units of a text, folded: a Latin word or number is one, so is each Han, kana and hangul character."""
    return tuple(_UNIT.findall(fold(text)))


def is_single(unit: str) -> bool:
    """Whether a unit is one character of a script written without spaces."""
    return bool(_SINGLE.fullmatch(unit))
