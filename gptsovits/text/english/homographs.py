"""Words that are spelled alike and spoken differently, chosen by the words around them.

Two kinds: verb and noun pairs told apart by stress ("to recórd", "the récord") and a small table of others. Where
the neighbours do not decide, the dictionary's usual pronunciation stays.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from importlib.resources import files

from gptsovits.text.english.dictionary import Pronunciation, lookup, variants


def _word_lists() -> dict[str, frozenset[str]]:
    text = files("gptsovits.text").joinpath("data", "homographs.json").read_text("utf-8")
    return {name: frozenset(words) for name, words in json.loads(text).items()}


_LISTS = _word_lists()
_BEFORE_VERB = _LISTS["before_verb"]
_BEFORE_NOUN = _LISTS["before_noun"]
_BEFORE_PARTICIPLE = _LISTS["before_participle"]
_VOICED_VERBS = {"use": "Z", "abuse": "Z", "excuse": "Z", "close": "Z", "house": "Z", "diffuse": "Z", "misuse": "Z"}
_FINAL_S = {"Z": "S"}


def _first_with(word: str, wanted: Callable[[Pronunciation], bool]) -> Pronunciation | None:
    return next((phones for phones in variants(word) if wanted(phones)), None)


def _main_stress_is_first(phones: Pronunciation) -> bool:
    vowels = [phone for phone in phones if phone[-1].isdigit()]
    return vowels[0].endswith("1")


def _is_verb(previous: str, following: str) -> bool | None:
    """Whether the neighbours make the word a verb; None if they do not tell."""
    if previous in _BEFORE_VERB:
        return True
    if previous in _BEFORE_NOUN:
        return False
    return None if following not in {"him", "her", "them", "me", "us", "it"} else True


def _by_stress(word: str, verb: bool) -> Pronunciation | None:
    return _first_with(word, lambda phones: _main_stress_is_first(phones) is not verb)


def _by_ate(word: str, verb: bool) -> Pronunciation | None:
    return _first_with(word, lambda phones: phones[-2].startswith("EY") is verb)


def _by_voicing(word: str, verb: bool) -> Pronunciation | None:
    final = _VOICED_VERBS[word] if verb else _FINAL_S[_VOICED_VERBS[word]]
    return _first_with(word, lambda phones: phones[-1] == final)


def _read(previous: str, before: Sequence[str], following: str) -> Pronunciation:
    past = previous in _BEFORE_PARTICIPLE or any(
        word in {"yesterday", "ago", "already", "had", "have"} for word in before
    )
    return ("R", "EH1", "D") if past else ("R", "IY1", "D")


def _lead(previous: str, before: Sequence[str], following: str) -> Pronunciation:
    metal = following in {"pipe", "pipes", "paint", "poisoning", "pencil", "bullet", "weight"} or previous == "of"
    return ("L", "EH1", "D") if metal else ("L", "IY1", "D")


def _live(previous: str, before: Sequence[str], following: str) -> Pronunciation:
    adjective = previous in {"a", "the", "is", "are", "go", "went"} or following in {"music", "show", "broadcast"}
    return ("L", "AY1", "V") if adjective else ("L", "IH1", "V")


def _tear(previous: str, before: Sequence[str], following: str) -> Pronunciation:
    rip = previous in _BEFORE_VERB or following in {"it", "up", "apart", "down", "off"}
    return ("T", "EH1", "R") if rip else ("T", "IH1", "R")


def _wind(previous: str, before: Sequence[str], following: str) -> Pronunciation:
    turn = previous in _BEFORE_VERB or (following in {"up", "down"} and previous not in _BEFORE_NOUN)
    return ("W", "AY1", "N", "D") if turn else ("W", "IH1", "N", "D")


def _wound(previous: str, before: Sequence[str], following: str) -> Pronunciation:
    turned = following in {"up", "down", "around"} and previous not in _BEFORE_NOUN
    return ("W", "AW1", "N", "D") if turned else ("W", "UW1", "N", "D")


def _dove(previous: str, before: Sequence[str], following: str) -> Pronunciation:
    return ("D", "OW1", "V") if following in {"into", "in", "down", "under"} else ("D", "AH1", "V")


_TABLE: dict[str, Callable[[str, Sequence[str], str], Pronunciation]] = {
    "read": _read, "lead": _lead, "live": _live, "tear": _tear, "wind": _wind, "wound": _wound, "dove": _dove,
}  # fmt: skip


def pronounce_homograph(words: Sequence[str], place: int) -> Pronunciation | None:
    """Pronunciation of ``words[place]`` (all lower case) by its neighbours; None if it is no homograph."""
    word = words[place]
    previous = words[place - 1] if place else ""
    following = words[place + 1] if place + 1 < len(words) else ""
    if word in _TABLE:
        return _TABLE[word](previous, words[:place], following)
    choose = next((rule for listed, rule in _RULES if word in listed), None)
    verb = _is_verb(previous, following)
    if choose is None or verb is None:
        return None
    return choose(word, verb) or lookup(word)


_RULES = (
    (_LISTS["told_by_stress"], _by_stress),
    (_LISTS["told_by_ate"], _by_ate),
    (frozenset(_VOICED_VERBS), _by_voicing),
)
