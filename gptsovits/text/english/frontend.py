"""English words to ARPAbet phones."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from gptsovits.text.english.dictionary import Pronunciation, lookup
from gptsovits.text.english.homographs import pronounce_homograph
from gptsovits.text.english.letter_to_sound import predict
from gptsovits.text.english.normalize import normalize, plain_letters
from gptsovits.text.english.possessive import possessive
from gptsovits.text.english.tokens import tokenize
from gptsovits.text.sequence import Spoken

__all__ = ["FEWEST_PHONES", "normalize", "pronounce", "unreadable"]

FEWEST_PHONES = 4
"""A shorter utterance gets a leading comma, which gives the model something to start on."""

_SPELLED_UP_TO = 3
_MARKS = {"'": "-"}
_FOREIGN_WORD = re.compile(r"[^\W\d_]+")


def unreadable(text: str) -> tuple[str, ...]:
    """Words in scripts that English has no sounds for."""
    return tuple(word for word in _FOREIGN_WORD.findall(plain_letters(text)) if not word.isascii())


@cache
def _segmenter() -> Any:
    import wordsegment

    segmenter = wordsegment.Segmenter()
    segmenter.load()
    return segmenter


def _listed_parts(word: str) -> list[str]:
    """The listed words that a compound is written from; none if it is not wholly made of such."""
    parts = list(_segmenter().segment(word))
    return parts if all(len(part) > 1 and lookup(part) for part in parts) else []


def _spell(word: str) -> Pronunciation:
    return tuple(phone for letter in word for phone in (("EY1",) if letter == "a" else lookup(letter) or ()))


def _pronounce_word(word: str) -> Pronunciation:
    """Phones of a lower-case word: dictionary, spelling of short ones, possessive, parts, spelling rules.

    Spelled as well is what the rules leave silent ("shhh").
    """
    listed = lookup(word) if len(word) > 1 else _spell(word)
    if listed:
        return listed
    if "-" in word or ("'" in word and not word.endswith("'s")):
        return tuple(phone for part in re.split(r"[-']+", word) if part for phone in _pronounce_word(part))
    if word.endswith("'s"):
        return possessive(_pronounce_word(word[:-2]))
    if len(word) <= _SPELLED_UP_TO:
        return _spell(word)
    parts = _listed_parts(word)
    return tuple(phone for part in parts for phone in lookup(part) or ()) or predict(word) or _spell(word)


def _pronounce_token(tokens: list[str], lowered: list[str], place: int) -> Pronunciation:
    token = tokens[place]
    if not token[0].isalpha():
        return (_MARKS.get(token, token),)
    if tokens[place : place + 1] == ["a"]:
        return ("AH0",)
    return pronounce_homograph(lowered, place) or _pronounce_word(lowered[place])


def pronounce(normalized: str) -> list[Spoken]:
    """Each word and mark of a normalised text with its phones."""
    tokens = tokenize(normalized)
    lowered = [token.lower() for token in tokens]
    return [Spoken(token, _pronounce_token(tokens, lowered, place)) for place, token in enumerate(tokens)]
