"""Mistyped Latin words: the known word that is one slip away (two in long words), by deletions common to both."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from string import ascii_lowercase

from services.catalog.search.lexicon import Lexicon
from services.catalog.search.words import WordTable

SHORTEST, LONGEST = 4, 24
LONG = 7
_ENDINGS = ("s", "es", "ed", "ing")
_DENYING = ("un", "in", "im", "non", "dis")
_HISSING = ("s", "x", "z", "ch", "sh", "o")  # what takes -es: japanes is no form of japan


@dataclass(frozen=True)
class Speller:
    """Known words by what is left of them when a letter or two are missing.

    Attributes:
        terms: of the lexicon; preferred, and found two slips away when long.
        words: ordinary words; found one slip away.
        correct: what is no mistake.
        order: words → their place: names of the lexicon, its hints and topics, ordinary words by their frequency.
        ranks: ordinary English words → their place by frequency.
    """

    terms: Mapping[str, tuple[str, ...]]
    words: Mapping[str, tuple[str, ...]]
    correct: WordTable
    order: Mapping[str, int]
    ranks: Mapping[str, int]

    def mend(self, typed: str) -> str:
        """The word of the lexicon that was meant; the same if it is right, short, or like none of them.

        What is as short as `loki` is near to many words: a slip for an ordinary one, swapped letters, or a name.
        """
        if not _spelled(typed) or self._right(typed):
            return typed
        found = self._nearest(typed, self.terms, 2 if len(typed) >= LONG else 1)
        likely = (w for w in found if len(typed) > SHORTEST or w in self.ranks or sorted(w) == sorted(typed))
        return next(likely, typed)

    def slips(self, typed: str) -> tuple[str, ...]:
        """The commoner words of the lexicon that a correct word is one slip away from: `wether` may mean weather."""
        if not _spelled(typed) or typed not in self.ranks:
            return ()
        found = self._nearest(typed, self.terms, 1)
        return tuple(word for word in found if self.ranks.get(word, len(self.ranks)) < self.ranks[typed])

    def guess(self, typed: str) -> str:
        """The ordinary word one slip away, empty if there is none or nothing to mend: it may also be a name."""
        if not _spelled(typed) or self._right(typed):
            return ""
        return next(iter(self._nearest(typed, self.words, 1)), "")

    def _right(self, typed: str) -> bool:
        """Whether it is a word, an inflected one, as `slays` is, or one denied, as `unsophisticated` is."""
        if any(typed.startswith(sign) and typed.removeprefix(sign) in self.order for sign in _DENYING):
            return True
        stems = ((typed.removesuffix(ending), ending) for ending in _ENDINGS if typed.endswith(ending))
        return typed in self.correct or any(
            stem in self.correct and len(stem) > 2 and (ending != "es" or stem.endswith(_HISSING))
            for stem, ending in stems
        )

    def _nearest(self, typed: str, index: Mapping[str, tuple[str, ...]], slips: int) -> list[str]:
        """The words at most so many slips away, the likeliest first."""
        found = {word for rest in _shortened(typed, slips) for word in index.get(rest, ())}
        ranked = sorted((distance(typed, word), typed[0] != word[0], self.order[word], word) for word in found)
        return [word for slipped, *_, word in ranked if slipped <= slips]


def one_slip(typed: str) -> Iterator[str]:
    """What a word that no dictionary has may have been typed for: all that is one slip away, words or not."""
    if not _spelled(typed) or len(typed) == SHORTEST:
        return
    for at in range(len(typed) + 1):
        before, after = typed[:at], typed[at:]
        yield from (before + letter + after for letter in ascii_lowercase)
        if after:
            yield before + after[1:]
            yield from (before + letter + after[1:] for letter in ascii_lowercase)
        if len(after) > 1:
            yield before + after[1] + after[0] + after[2:]


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
    known = (*lexicon.terms, *(word for word in lexicon.mended if len(word) == 1))
    terms = dict.fromkeys(unit for term in known for unit in term if _spelled(unit))
    ranks = {word: place for place, word in enumerate(words.latin)}
    order = {word: place for place, word in enumerate(dict.fromkeys([*terms, *ranks]))}
    ordinary = _index((word for word in words.latin[:20_000] if _spelled(word)), 1)
    return Speller(_index(terms, 2), ordinary, words, order, ranks)


def _spelled(unit: str) -> bool:
    return SHORTEST <= len(unit) <= LONGEST and unit.isascii() and unit.isalpha()
