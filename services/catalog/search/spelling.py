"""Mistyped Latin words: the known word that is one slip away (two in long words), by deletions common to both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from services.catalog.search.lexicon import Lexicon
from services.catalog.search.words import WordTable

SHORTEST = 4
LONG = 7


@dataclass(frozen=True)
class Speller:
    """Known words by what is left of them when a letter or two are missing.

    Attributes:
        terms: of the lexicon; preferred, and found two slips away when long.
        words: ordinary words, most frequent first; found one slip away.
        correct: what is no mistake.
    """

    terms: Mapping[str, tuple[str, ...]]
    words: Mapping[str, tuple[str, ...]]
    correct: WordTable

    def mend(self, typed: str) -> str:
        """The word of the lexicon that was meant; the same if it is right, short, or like none of them."""
        if not _spelled(typed) or typed in self.correct:
            return typed
        return _nearest(typed, self.terms, 2 if len(typed) >= LONG else 1) or typed

    def guess(self, typed: str) -> str:
        """The ordinary word one slip away, empty if there is none or nothing to mend: it may also be a name."""
        return "" if not _spelled(typed) or typed in self.correct else _nearest(typed, self.words, 1)


def _nearest(typed: str, index: Mapping[str, tuple[str, ...]], slips: int) -> str:
    found = dict.fromkeys(word for rest in _shortened(typed, slips) for word in index.get(rest, ()))
    ranked = sorted((distance(typed, word), typed[0] != word[0], place, word) for place, word in enumerate(found))
    return ranked[0][3] if ranked and ranked[0][0] <= slips else ""


def distance(left: str, right: str) -> int:
    """Slips between two words: letters missing, added, exchanged, or swapped with their neighbour."""
    before: list[int] = []
    last = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        row = [i]
        for j, b in enumerate(right, 1):
            cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a != b))
            if i > 1 and j > 1 and a == right[j - 2] and left[i - 2] == b:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        before, last = last, row
    return last[-1]


def _shortened(word: str, slips: int) -> set[str]:
    found = {word}
    fresh = found
    for _ in range(slips):
        fresh = {one[:i] + one[i + 1 :] for one in fresh for i in range(len(one))}
        found = found | fresh
    return found


def _index(words: Iterable[str], slips: int) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for word in words:
        for rest in _shortened(word, slips if len(word) >= LONG else 1):
            found[rest] = (*found.get(rest, ()), word)
    return found


@cache
def speller(lexicon: Lexicon, words: WordTable) -> Speller:
    """The speller of a lexicon."""
    terms = dict.fromkeys(unit for term in lexicon.terms for unit in term if _spelled(unit))
    return Speller(_index(terms, 2), _index((w for w in words.latin[:20_000] if _spelled(w)), 1), words)


def _spelled(unit: str) -> bool:
    return len(unit) >= SHORTEST and unit.isascii() and unit.isalpha()
