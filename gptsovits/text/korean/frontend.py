"""Korean text to jamo phones."""

from __future__ import annotations

import re
import unicodedata

from gptsovits.text.korean.pronunciation import as_spoken
from gptsovits.text.punctuation import collapse_runs
from gptsovits.text.sequence import Spoken
from gptsovits.text.symbols import id_table

FEWEST_PHONES = 0

_SPACE = "空"
_UNKNOWN = "停"
_MARKS = {
    "：": ",", "；": ",", "，": ",", "、": ",", "·": ",", ":": ",", ";": ",", "。": ".", "！": "!", "？": "?",
    "\n": ".", " ": _SPACE, "~": "…", "～": "…", "—": "-", "–": "-",
}  # fmt: skip
_LETTER_NAMES = {
    "a": "에이", "b": "비", "c": "시", "d": "디", "e": "이", "f": "에프", "g": "지", "h": "에이치", "i": "아이",
    "j": "제이", "k": "케이", "l": "엘", "m": "엠", "n": "엔", "o": "오", "p": "피", "q": "큐", "r": "아르",
    "s": "에스", "t": "티", "u": "유", "v": "브이", "w": "더블유", "x": "엑스", "y": "와이", "z": "제트",
}  # fmt: skip
_SIGNS = {"%": "퍼센트", "&": "앤드", "+": "더하기", "=": "는", "℃": "도", "$": "달러", "€": "유로", "₩": "원"}
_SPLIT = {
    "ㄳ": "ㄱㅅ", "ㄵ": "ㄴㅈ", "ㄶ": "ㄴㅎ", "ㄺ": "ㄹㄱ", "ㄻ": "ㄹㅁ", "ㄼ": "ㄹㅂ", "ㄽ": "ㄹㅅ", "ㄾ": "ㄹㅌ",
    "ㄿ": "ㄹㅍ", "ㅀ": "ㄹㅎ", "ㅄ": "ㅂㅅ", "ㅘ": "ㅗㅏ", "ㅙ": "ㅗㅐ", "ㅚ": "ㅗㅣ", "ㅝ": "ㅜㅓ", "ㅞ": "ㅜㅔ",
    "ㅟ": "ㅜㅣ", "ㅢ": "ㅡㅣ", "ㅑ": "ㅣㅏ", "ㅒ": "ㅣㅐ", "ㅕ": "ㅣㅓ", "ㅖ": "ㅣㅔ", "ㅛ": "ㅣㅗ", "ㅠ": "ㅣㅜ",
}  # fmt: skip
_DROPPED = re.compile("[^\\w\\s!?…,.\\-]")
_FOREIGN = re.compile("[^\\W\\d_a-zA-Z\u1100-\u11ff\u3131-\u318e\uac00-\ud7a3]+")
_WRONG_LIAISON = re.compile("([ㅇㄹ]ㅡㄹ) ㄹ")


def normalize(text: str) -> str:
    """Text with signs named and other symbols dropped; numbers stay until their counters are known."""
    text = unicodedata.normalize("NFC", text)
    for sign, name in _SIGNS.items():
        text = text.replace(sign, name)
    for mark, replacement in _MARKS.items():
        text = text.replace(mark, replacement) if mark != " " else text
    return collapse_runs(_DROPPED.sub("", text))


def unreadable(text: str) -> tuple[str, ...]:
    """Words of a raw text in scripts that Korean has no sounds for."""
    return tuple(_FOREIGN.findall(unicodedata.normalize("NFC", text)))


def _letters_named(text: str) -> str:
    return "".join(_LETTER_NAMES.get(char.lower(), char) for char in text)


def _jamo(text: str) -> str:
    """Single compatibility jamo; complex vowels and finals as two."""
    from jamo import h2j, j2hcj

    return "".join(_SPLIT.get(char, char) for char in j2hcj(h2j(text)))


def _phone(char: str) -> str:
    phone = _MARKS.get(char, char)
    return phone if phone in id_table() else _UNKNOWN


def pronounce(normalized: str) -> list[Spoken]:
    """Each word of a normalised text with its jamo; the space between words is a phone of its own."""
    spoken = _jamo(as_spoken(_letters_named(normalized)))
    spoken = _WRONG_LIAISON.sub(r"\1 ㄴ", spoken)
    if spoken and "ㄱ" <= spoken[-1] <= "ㅣ":
        spoken += "."
    heard, written = spoken.split(" "), normalized.split(" ")
    names = written if len(written) == len(heard) else heard
    words: list[Spoken] = []
    for name, word in zip(names, heard, strict=True):
        if words:
            words.append(Spoken(" ", (_SPACE,)))
        if word:
            words.append(Spoken(name, tuple(_phone(char) for char in word)))
    return words
