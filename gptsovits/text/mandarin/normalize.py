"""Chinese text to simplified characters and pause marks only."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Any

from gptsovits.text.mandarin.rules import write_out
from gptsovits.text.punctuation import collapse_runs

LONG_PAUSES = {"￥": "SP2", "^": "SP3"}
"""Marks that a writer sets for a pause longer than a comma's."""

_GREEK = {
    "α": "阿尔法", "β": "贝塔", "γ": "伽玛", "δ": "德尔塔", "ε": "艾普西龙", "ζ": "捷塔", "η": "依塔", "θ": "西塔",
    "ι": "艾欧塔", "κ": "喀帕", "λ": "拉姆达", "μ": "缪", "ν": "拗", "ξ": "克西", "ο": "欧米克伦", "π": "派", "ρ": "肉",
    "σ": "西格玛", "τ": "套", "υ": "宇普西龙", "φ": "服艾", "χ": "器", "ψ": "普赛", "ω": "欧米伽",
}  # fmt: skip
_MARKS = str.maketrans({
    "：": ",", "；": ",", "，": ",", ":": ",", ";": ",", "、": ",", "·": ",", "・": ",", "/": ",",
    "。": ".", "｡": ".", "\n": ".", "$": ".", "！": "!", "？": "?", "~": "…", "～": "…",
    "—": "-", "–": "-",
})  # fmt: skip
_SIGNS = str.maketrans({"+": "加", "×": "乘", "÷": "除以", "=": "等于", "%": "百分号", "&": "和"})
_INTERJECTIONS = str.maketrans({"嗯": "恩", "呣": "母"})
_BRACKETS = re.compile("[“”‘’\"'《》〈〉【】「」『』（）()\\[\\]{}<>｛｝［］]")
_UNREADABLE = re.compile("[^\u4e00-\u9fa5!?…,.\\-^￥]")
_FULL_WIDTH = re.compile("[０-９Ａ-Ｚａ-ｚ＋％－．]")
_WORD = re.compile(r"[^\W_]+")
_SIMPLIFIED_OTHERWISE = str.maketrans({"鍾": "锺"})


def _is_hanzi(char: str) -> bool:
    return "\u4e00" <= char <= "\u9fa5"


@cache
def _converter() -> Any:
    from opencc import OpenCC

    return OpenCC("t2s")


def simplified(text: str) -> str:
    """Traditional characters replaced by simplified ones, where those are in the range that can be read."""
    text = text.translate(_SIMPLIFIED_OTHERWISE)
    converted: str = _converter().convert(text)
    if len(converted) != len(text):
        return converted
    return "".join(
        old if _is_hanzi(old) and not _is_hanzi(new) else new for old, new in zip(text, converted, strict=True)
    )


def _half_width(text: str) -> str:
    """Full-width digits, letters and signs as ASCII; full-width punctuation stays."""
    return "".join(unicodedata.normalize("NFKC", char) if _FULL_WIDTH.match(char) else char for char in text)


def _spelled_out(text: str) -> str:
    """Circled numbers as digits, Greek letters by name, digits of all scripts as ASCII."""
    read = []
    for char in text:
        value = unicodedata.numeric(char, -1.0) if unicodedata.category(char) in {"No", "Nd"} else -1.0
        is_plain = char in "⁰¹²³⁴⁵⁶⁷⁸⁹" or value != int(value) or value < 0
        read.append(_GREEK.get(char.lower(), char) if is_plain else str(int(value)))
    return "".join(read)


def _without_blanks(text: str) -> str:
    """Blanks go, except that one between two numbers becomes a comma."""
    text = re.sub(r"(?<=\d)[ \t\u3000]+(?=\d)", "，", text)
    return re.sub(r"[ \t\u3000\xa0]", "", text)


def prepare(text: str) -> str:
    """Simplified characters, ASCII digits and signs, no brackets and blanks."""
    return _without_blanks(_BRACKETS.sub("", _spelled_out(_half_width(simplified(text)))))


def normalize(text: str) -> str:
    """Hanzi of U+4E00 to U+9FA5 and the marks ``! ? … , . -`` (and the two pause signs) only."""
    text = write_out(prepare(text)).replace("...", "…").replace("/", "每")
    text = re.sub("(?<=[\u4e00-\u9fa5])[x*](?=[\u4e00-\u9fa5])", "乘", text)
    text = text.translate(_SIGNS).translate(_MARKS).translate(_INTERJECTIONS)
    return collapse_runs(_UNREADABLE.sub("", text))


def unreadable(text: str) -> tuple[str, ...]:
    """Words of a raw text that Mandarin has no sounds for."""
    kept = write_out(prepare(text)).translate(_SIGNS)
    return tuple(word for word in _WORD.findall(re.sub("[\u4e00-\u9fa5]+", " ", kept)) if not word.isnumeric())
