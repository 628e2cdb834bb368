"""Concepts: what two runs of words have in common when they share no word, in either language.

`concepts.npz` holds some thousand directions in the space of the sentence encoder, spread over the ordinary words. A
run of a description is filed under the few that are nearest to it, a run of a query looks under those nearest to it:
so the likeness of meanings becomes a term like any other, which both engines find by the same constants. It also holds
the directions of the lexicon's words, so that a run that names no facet is read as the facet whose words it resembles.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from services.catalog.search.lexicon import LOOSE, Facet, Lexicon, Units
from services.catalog.search.sentences import Vector, encoder_version, meanings_of
from services.catalog.search.tokens import clauses, written
from services.catalog.search.words import load_words

CONCEPTS = Path(__file__).with_name("concepts.npz")
KEY = "concept"
PLAIN = 2
FILED, FILED_LEAST = 8, 0.40  # concepts of a run of a description, and the least cosine to each
SOUGHT, SOUGHT_LEAST = 10, 0.40  # of a run of a query
NEAREST, FACET_LEAST = 3, 0.55  # words of a facet that must be near, and their least mean cosine
KEPT = 50_000  # runs whose meaning is kept
LONGEST, STEP = 8, 4  # units of a run that is read whole; of a longer one, windows at this distance
SINGLE, MARGIN, AS_NEAR = ("age", "gender"), 0.04, 0.04
KEYS = ("timbre", "emotion", "style", "age", "gender", "persona")


@dataclass(frozen=True)
class Meaning:
    """The concepts nearest to a run and the facets that it resembles, each with a cosine, best first."""

    near: tuple[tuple[Facet, float], ...]
    facets: tuple[tuple[Facet, float], ...]


@dataclass(frozen=True, eq=False)
class Concepts:
    """Directions, all of length 1.

    Attributes:
        directions: of the concepts, (concepts, 512) float32.
        facets: those with at least `NEAREST` words.
        starts: where the rows of each facet begin in `words`, and the end of the last.
        words: directions of the words of the facets, (words, 512) float32.
    """

    directions: NDArray[np.float32]
    facets: tuple[Facet, ...]
    starts: tuple[int, ...]
    words: NDArray[np.float32]
    _kept: dict[str, Meaning] = field(default_factory=dict, repr=False)

    def filed(self, runs: Sequence[str]) -> frozenset[Facet]:
        """The concepts under which the runs of a description are filed: plainly under the nearest."""
        found = [
            (n, one) for run in self._read(runs) for n, (one, c) in enumerate(run.near[:FILED]) if c >= FILED_LEAST
        ]
        plain = {one for n, one in found if n < PLAIN}
        return frozenset(plain | {Facet(KEY, f"{LOOSE}{one.value}") for _, one in found if one not in plain})

    def told(self, runs: Sequence[str]) -> frozenset[Facet]:
        """The facets that the runs of a description resemble."""
        return frozenset(facet for run in runs for facet, _ in self.resembled(run))

    def sought(self, run: str) -> tuple[tuple[Facet, float], ...]:
        """The concepts under which a run of a query looks, each with its cosine."""
        return tuple(pair for pair in self._read([run])[0].near[:SOUGHT] if pair[1] >= SOUGHT_LEAST)

    def resembled(self, run: str) -> tuple[tuple[Facet, float], ...]:
        """The facet whose words a run resembles most, and those of other keys that are as near, with the mean cosine.

        A value that its rival of the same key comes close to says nothing: a buddy may be a man or a woman.
        """
        found = self._read([run])[0].facets if len(run) > 1 else ()
        best: dict[str, tuple[Facet, float]] = {}
        rivals: dict[str, float] = {}
        for facet, cosine in found:
            if facet.key in best:
                rivals.setdefault(facet.key, cosine)
            best.setdefault(facet.key, (facet, cosine))
        clear = [
            pair for key, pair in best.items() if pair[1] - rivals.get(key, 0.0) >= (MARGIN if key in SINGLE else 0)
        ]
        most = max((cosine for _, cosine in clear), default=0.0)
        return tuple(pair for pair in clear if pair[1] >= most - AS_NEAR)

    def _read(self, runs: Sequence[str]) -> list[Meaning]:
        """What runs mean; descriptions repeat themselves, so what was read is kept."""
        fresh = [run for run in runs if run not in self._kept]
        if fresh:
            if len(self._kept) > KEPT:
                self._kept.clear()
            self._kept.update(zip(fresh, self._fresh(meanings_of(fresh)), strict=True))
        return [self._kept[run] for run in runs]

    def _fresh(self, vectors: NDArray[np.float32]) -> Iterator[Meaning]:
        cosines, likeness = vectors @ self.directions.T, vectors @ self.words.T
        ends = zip(self.starts, self.starts[1:], strict=False)
        best = [
            np.partition(likeness[:, start:end], -NEAREST, axis=1)[:, -NEAREST:].mean(axis=1) for start, end in ends
        ]
        most = max(SOUGHT, FILED)
        for row, means in zip(cosines, np.stack(best, axis=1), strict=True):
            near = np.argpartition(-row, most)[:most]
            near = near[np.argsort(-row[near], kind="stable")]
            alike = [n for n in np.argsort(-means, kind="stable").tolist() if means[n] >= FACET_LEAST]
            yield Meaning(
                tuple((Facet(KEY, str(n)), round(float(row[n]), 3)) for n in near.tolist()),
                tuple((self.facets[n], round(float(means[n]), 3)) for n in alike),
            )


def made_by(lexicon: Lexicon) -> str:
    """What an entry of an index depends on beside its record: the lexicon, and the encoder or that there was none."""
    return f"{lexicon.digest}:{encoder_version()}"


@cache
def concepts(lexicon: Lexicon) -> Concepts | None:
    """The concepts with the words of a lexicon; None where there is no encoder."""
    if not encoder_version():
        return None
    with np.load(CONCEPTS, allow_pickle=False) as data:
        directions = _unit(data["directions"])
        known = dict(zip(bytes(data["terms"]).decode().split("\n"), _unit(data["term_directions"]), strict=True))
    rows = _rows(lexicon, known)
    starts = np.cumsum([0, *(len(found) for found in rows.values())])
    return Concepts(directions, tuple(rows), tuple(starts.tolist()), np.stack([v for f in rows.values() for v in f]))


def runs(lexicon: Lexicon, clause: Sequence[str]) -> Iterator[str]:
    """What a statement says beside the known words, each run as one would write it; nothing of a denial."""
    segments = [(piece, bool(facets) or piece in lexicon.suggests) for piece, facets in _segments(lexicon, clause)]
    if any(piece in lexicon.negations for piece, _ in segments):
        return
    for known, group in groupby(segments, key=lambda pair: pair[1]):
        pieces = [piece for piece, _ in group]
        while pieces and pieces[0] in lexicon.silent:
            pieces.pop(0)
        while pieces and pieces[-1] in lexicon.silent:
            pieces.pop()
        if not known and pieces:
            yield from _windows([unit for piece in pieces for unit in piece])


def runs_of(lexicon: Lexicon, text: str) -> list[str]:
    """The runs of a whole text, each once."""
    return list(dict.fromkeys(run for clause in clauses(text) for run in runs(lexicon, clause)))


@lru_cache(maxsize=100_000)
def _segments(lexicon: Lexicon, clause: Units) -> tuple[tuple[Units, tuple[Facet, ...]], ...]:
    return tuple(lexicon.segments(clause, load_words().han))


def _windows(units: Sequence[str]) -> Iterator[str]:
    starts = range(0, max(len(units) - LONGEST, 0) + STEP, STEP) if len(units) > LONGEST else (0,)
    for start in starts:
        window = units[start : start + LONGEST]
        if window:
            yield written(window)


def _rows(lexicon: Lexicon, known: Mapping[str, Vector]) -> dict[Facet, list[Vector]]:
    words = {
        written(term): facets
        for term, facets in [*lexicon.terms.items(), *lexicon.suggests.items()]
        if any(facet.key in KEYS for facet in facets) and not any(unit.isdigit() for unit in term)
    }
    fresh = [word for word in words if word not in known]
    found = {**known, **dict(zip(fresh, meanings_of(fresh), strict=True))} if fresh else known
    rows: dict[Facet, list[Vector]] = {}
    for word, facets in words.items():
        for facet in facets:
            if facet.key in KEYS:
                rows.setdefault(facet, []).append(found[word])
    return {facet: own for facet, own in rows.items() if len(own) >= NEAREST}


def _unit(rows: NDArray[np.int8]) -> NDArray[np.float32]:
    found = rows.astype(np.float32)
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True), np.float32)
