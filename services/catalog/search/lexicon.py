"""The lexicon: which words are known terms. It is data (`lexicon.yaml`); this module only matches."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from services.catalog.search.ages import spellings
from services.catalog.search.tokens import clauses, is_single, units

LEXICON = Path(__file__).with_name("lexicon.yaml")
MARK = "~"
LOOSE = "?"  # marks a facet that a prose only suggests
DENIED_WITHIN = 8  # units between a sign of denial and what it denies
Units = tuple[str, ...]


@dataclass(frozen=True, order=True)
class Facet:
    """One structured property of a voice, such as `lang:yue`."""

    key: str
    value: str


@dataclass(frozen=True, eq=False)
class Lexicon:
    """Known terms.

    Attributes:
        terms: units of a word → what it means.
        suggests: units of a word → what it makes likely without being a name for it.
        broader: a facet → the marked facets that contain it.
        marked: a facet that contains others → itself as a mark.
        near: a facet → those that resemble it, and how much (0 to 1).
        weights: what a facet of a key counts for among others; 1 unless told.
        negations: units that deny what follows.
        silent: units without a meaning (stopwords, and words that only look like a denial).
        stopwords: units that say nothing.
        hints: units of a query that make a facet likelier.
        query_only: terms that mean something in a query, and too little in prose.
        longest: units of the longest term.
        digest: of the data, so that an index knows by which lexicon it was made.
    """

    terms: Mapping[Units, tuple[Facet, ...]]
    suggests: Mapping[Units, tuple[Facet, ...]]
    broader: Mapping[Facet, tuple[Facet, ...]]
    marked: Mapping[Facet, Facet]
    near: Mapping[Facet, Mapping[Facet, float]]
    weights: Mapping[str, float]
    negations: frozenset[Units]
    silent: frozenset[Units]
    stopwords: frozenset[Units]
    hints: Mapping[Units, Facet]
    query_only: frozenset[Units]
    longest: int
    digest: str

    def segments(
        self, text: Sequence[str], words: Collection[Units] = frozenset()
    ) -> Iterator[tuple[Units, tuple[Facet, ...]]]:
        """Cuts units into known terms (with their facets) and unknown ones (with none), longest first.

        `words` are ordinary words: one of them that is longer than a known term at its place stays whole, so that the
        city 苏州 is not read as 苏 (charming) and 州.
        """
        start = 0
        while start < len(text):
            length = self._match(text, start, words)
            piece = tuple(text[start : start + max(length, 1)])
            yield piece, self.terms.get(piece, ())
            start += len(piece)

    def facets(self, text: str) -> frozenset[Facet]:
        """All that a prose affirms. A single Han character or a language code is too weak a sign in prose."""
        found: set[Facet] = set()
        for clause in clauses(text):
            for piece, facets, denied in self.readings(clause):
                if not (denied or weak(piece) or piece in self.query_only):
                    found.update(facets)
        return frozenset(found)

    def suggested(self, text: str) -> frozenset[Facet]:
        """All that a prose makes likely by words that are no names for it."""
        found: set[Facet] = set()
        for clause in clauses(text):
            since = DENIED_WITHIN + 1
            for piece, _ in self.segments(clause):
                if since > DENIED_WITHIN:
                    found.update(self.suggests.get(piece, ()))
                since = 0 if piece in self.negations else since + len(piece)
        return frozenset(found)

    def readings(
        self, clause: Sequence[str], words: Collection[Units] = frozenset()
    ) -> Iterator[tuple[Units, tuple[Facet, ...], bool]]:
        """The segments of one statement, each with whether it is denied."""
        since = DENIED_WITHIN + 1
        for piece, facets in self.segments(clause, words):
            yield piece, facets, bool(facets) and since <= DENIED_WITHIN
            since = 0 if piece in self.negations else since + len(piece)

    def knows(self, piece: Units) -> bool:
        """Whether a word is here, with or without a meaning."""
        return any(piece in known for known in (self.terms, self.suggests, self.silent, self.negations))

    def canonical(self, key: str, value: str) -> Facet:
        """`value` in the lexicon's own word for it under this key, else as it is."""
        meanings = [f for f in self.terms.get(units(value), ()) if f.key == key]
        return meanings[0] if meanings else Facet(key, " ".join(value.lower().split()))

    def widened(self, facets: frozenset[Facet]) -> frozenset[Facet]:
        """The facets with all that contain them, marked (`~zh`): found as `zh`, behind those that say so."""
        return facets | {wide for facet in facets for wide in self.broader.get(facet, ()) if _bare(wide) not in facets}

    def weight(self, facet: Facet) -> float:
        """What the facet counts for."""
        return self.weights.get(facet.key, 1.0)

    def _match(self, text: Sequence[str], start: int, words: Collection[Units]) -> int:
        for length in range(min(self.longest, len(text) - start), 0, -1):
            piece = tuple(text[start : start + length])
            if self.knows(piece):
                return length
            if length > 1 and piece in words and not self._composed(piece):
                return length
        return 0

    def _composed(self, piece: Units) -> bool:
        """Whether a word is made of known terms throughout, as 女教师 is of 女 and 教师."""
        cuts = {0}
        for end in range(1, len(piece) + 1):
            if any(piece[cut:end] in self.terms for cut in cuts):
                cuts.add(end)
        return len(piece) in cuts


def _bare(facet: Facet) -> Facet:
    return Facet(facet.key, facet.value.removeprefix(MARK))


def weak(piece: Units) -> bool:
    """Whether a term is too short to mean anything in running prose."""
    return len(piece) == 1 and (is_single(piece[0]) or len(piece[0]) <= 2)


@cache
def load(path: Path = LEXICON) -> Lexicon:
    """Reads a lexicon file."""
    raw = path.read_bytes()
    data: dict[str, Any] = yaml.safe_load(raw)
    terms: dict[Units, tuple[Facet, ...]] = {}
    for key, values in data["facets"].items():
        for value, words in values.items():
            for word in words:
                terms.setdefault(units(word), (Facet(key, value),))
    for compound in data["compounds"]:
        meaning = tuple(Facet(key, value) for key, value in compound["means"].items())
        terms.update({units(word): meaning for word in compound["words"]})
    suggests: dict[Units, tuple[Facet, ...]] = {}
    for one in data.get("suggest", ()):
        meaning = tuple(Facet(key, value) for key, value in one["means"].items())
        suggests.update({units(word): meaning for word in one["words"]})
    for text, name in spellings(data["years"]):
        terms.setdefault(units(text), (Facet("age", name),))
    for term in [term for term in terms if len(term[-1]) > 3 and term[-1].isascii() and term[-1].isalpha()]:
        terms.setdefault((*term[:-1], term[-1] + "s"), terms[term])
    broader = {
        Facet(key, value): (Facet(key, f"{MARK}{wide}"),)
        for key, pairs in data["broader"].items()
        for value, wide in pairs.items()
    }
    stopwords, affirmations = _words(data["stopwords"]), _words(data["affirmations"])
    negations = _words(data["negations"]) - terms.keys()
    suggests = {term: meaning for term, meaning in suggests.items() if term not in terms and term not in stopwords}
    longest = max(len(term) for term in [*terms, *suggests, *stopwords, *affirmations, *negations])
    return Lexicon(
        terms,
        suggests,
        broader,
        {_bare(wide): wide for wides in broader.values() for wide in wides},
        _near(data["near"]),
        data["weights"],
        negations,
        stopwords | affirmations,
        stopwords,
        {
            units(word): Facet(key, value)
            for hint in data["hints"]
            for word in hint["words"]
            for key, value in hint["means"].items()
        },
        _words(data["query_only"]),
        longest,
        hashlib.sha256(raw).hexdigest(),
    )


def _words(words: Sequence[str]) -> frozenset[Units]:
    return frozenset(units(word) for word in words)


def _near(pairs: Sequence[tuple[str, str, str, str, float]]) -> dict[Facet, dict[Facet, float]]:
    found: dict[Facet, dict[Facet, float]] = {}
    for key, value, other_key, other, share in pairs:
        one, two = Facet(key, value), Facet(other_key, other)
        found.setdefault(one, {})[two] = share
        found.setdefault(two, {})[one] = share
    return found
