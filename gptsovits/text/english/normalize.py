"""English text to the letters and marks that the pronunciation step reads."""

from __future__ import annotations

import re
import unicodedata

from gptsovits.text.english.numbers import write_out
from gptsovits.text.punctuation import collapse_runs

_WIDE_MARKS = str.maketrans({
    "，": ",", "、": ",", "；": ",", "：": ",", "。": ".", "！": "!", "？": "?", "…": ".",
    "’": "'", "ʼ": "'", "—": " - ", "–": "-", "−": "-", "‐": "-", "‑": "-",
})  # fmt: skip
_LETTERS_WITHOUT_PARTS = str.maketrans({
    "æ": "ae", "Æ": "Ae", "œ": "oe", "Œ": "Oe", "ø": "o", "Ø": "O", "ß": "ss", "đ": "d", "Đ": "D", "ł": "l", "Ł": "L",
    "þ": "th", "Þ": "Th", "ð": "th", "Ð": "Th", "ı": "i",
})  # fmt: skip
_SPOKEN_SIGNS = {"%": " percent", "&": " and ", "@": " at ", "+": " plus ", "=": " equals "}
_UNREADABLE = re.compile(r"[^ A-Za-z'.,?!\-]")
_INNER_CAPITAL = re.compile(r"(?<=[^\s'])(?=[A-Z])")


def plain_letters(text: str) -> str:
    """Compatibility forms, ligatures and accents reduced to plain letters and ASCII digits."""
    text = unicodedata.normalize("NFKC", text.translate(_WIDE_MARKS)).translate(_LETTERS_WITHOUT_PARTS)
    kept = (char for char in unicodedata.normalize("NFD", text) if unicodedata.category(char) != "Mn")
    return "".join(str(unicodedata.digit(char)) if char.isdigit() else char for char in kept)


def normalize(text: str) -> str:
    """Words, blanks and the marks ``' . , ? ! -`` only; numbers in words, capitals inside a word set apart.

    Runs of capitals so become single letters ("NASA" is read by its letters), as the model was trained.
    """
    text = write_out(plain_letters(text))
    for sign, word in _SPOKEN_SIGNS.items():
        text = text.replace(sign, word)
    text = text.replace("i.e.", "that is").replace("e.g.", "for example")
    text = _UNREADABLE.sub(" ", text)
    text = _INNER_CAPITAL.sub(" ", text)
    return " ".join(collapse_runs(text).split())
