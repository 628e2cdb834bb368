"""The lexicon: which words are known terms. It is data (`lexicon.yaml`); this module only matches."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from services.catalog.search.tokens import is_single, units

LEXICON = Path(__file__).with_name("lexicon.yaml")
Units = tuple[str, ...]


@dataclass(frozen=True, order=True)
class Facet:
    """One structured property of a voice, such as `lang:yue`."""

    key: str
    value: str


@dataclass(frozen=True)
class Lexicon:
    """Known terms.

    Attributes:
        terms: units of a word → what it means.
        broader: a facet → the facets that contain it.
        stopwords: units that say nothing.
        longest: units of the longest term.
        digest: of the data, so that an index knows by which lexicon it was made.
    """

    terms: Mapping[Units, tuple[Facet, ...]]
    broader: Mapping[Facet, tuple[Facet, ...]]
    stopwords: frozenset[Units]
    longest: int
    digest: str

    def segments(self, text: Sequence[str]) -> Iterator[tuple[Units, tuple[Facet, ...]]]:
        """Cuts units into known terms (with their facets) and single unknown units (with none), longest terms first."""
        start = 0
        while start < len(text):
            length = self._match(text, start)
            piece = tuple(text[start : start + max(length, 1)])
            yield piece, self.terms.get(piece, ()) if length else ()
            start += len(piece)

    def facets(self, text: str) -> frozenset[Facet]:
        """All known terms of a text. A single Han character or a language code is too weak a sign in prose."""
        found = (f for piece, facets in self.segments(units(text)) if not _weak(piece) for f in facets)
        return frozenset(found)

    def canonical(self, key: str, value: str) -> Facet:
        """`value` in the lexicon's own word for it under this key, else as it is."""
        meanings = [f for f in self.terms.get(units(value), ()) if f.key == key]
        return meanings[0] if meanings else Facet(key, " ".join(value.lower().split()))

    def widened(self, facets: frozenset[Facet]) -> frozenset[Facet]:
        """The facets with all that contain them."""
        return facets | {wide for facet in facets for wide in self.broader.get(facet, ())}

    def _match(self, text: Sequence[str], start: int) -> int:
        for length in range(min(self.longest, len(text) - start), 0, -1):
            piece = tuple(text[start : start + length])
            if piece in self.terms or piece in self.stopwords:
                return length
        return 0


def _weak(piece: Units) -> bool:
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
    broader = {
        Facet(key, value): (Facet(key, wide),)
        for key, pairs in data["broader"].items()
        for value, wide in pairs.items()
    }
    stopwords = frozenset(units(word) for word in data["stopwords"])
    longest = max(len(term) for term in [*terms, *stopwords])
    return Lexicon(terms, broader, stopwords, longest, hashlib.sha256(raw).hexdigest())
