"""`python -m tools.word_meanings [--check]`: makes `meanings.npz` and `subjects.npz` of the search again (minutes).

A logistic regression for each value of a facet, on what the lexicon knows: names, hints and scenes say what they mean,
topics and words without a meaning say nothing of a voice; and likewise for each topic. To be run after those changed
much. `phrases.tsv` is no part of it: the parts of the names of people, places and works mean little, and with them the
search told more that is wrong. `--check` instead leaves out a quarter of what is learnt from at a time and prints how
well that is told.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import minimize

from services.catalog.search.lexicon import TOPIC, Facet, Units
from services.catalog.search.lexicon_data import load
from services.catalog.search.meaning import DIRECTION, KEYS, LEAST, MEANINGS, SUBJECTS, direction, parts
from services.catalog.search.words import load_words

Matrix = Any  # a sparse matrix of scipy, which has no types
RIDGE, FOLDS = 0.2, 4
# What is learnt: file → its keys, rounds, and the least weight that is kept.
LEARNT: dict[Path, tuple[tuple[str, ...], int, float]] = {MEANINGS: (KEYS, 60, 0.02), SUBJECTS: ((TOPIC,), 30, 0.1)}
Phrases = dict[Units, frozenset[Facet]]


def phrases(keys: Sequence[str]) -> Phrases:
    """What the lexicon knows, with what it means under these keys (nothing: an empty set)."""
    lexicon = load(with_phrases=False)
    found: dict[Units, set[Facet]] = defaultdict(set)
    for known in (lexicon.terms, lexicon.suggests, lexicon.topics, dict.fromkeys(lexicon.stopwords, ())):
        for phrase, facets in known.items():
            if phrase not in lexicon.counted:
                found[phrase].update(facet for facet in facets if facet.key in keys)
    return {phrase: frozenset(found[phrase]) for phrase in sorted(found)}


def features(known: list[Units], rows: dict[str, int]) -> Matrix:
    """A row a phrase: its parts, then its direction."""
    places, columns, values = [], [], []
    for place, phrase in enumerate(known):
        there = sorted(rows[part] for part in parts(phrase) if part in rows)
        places += [place] * len(there)
        columns += there
        values += [1 / np.sqrt(len(there) + 1)] * len(there)
    words = load_words()
    told = np.array([direction(phrase, words) for phrase in known]) * DIRECTION
    made = sparse.csr_matrix((values, (places, columns)), (len(known), len(rows)))
    return sparse.hstack([made, sparse.csr_matrix(told)]).tocsr()


def fitted(inputs: Matrix, wanted: NDArray[np.float64], rounds: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights (features, facets) and bias (facets) of a ridge logistic regression."""
    size, count = inputs.shape[1], wanted.shape[1]
    across = inputs.T.tocsr()

    def loss(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        weights, bias = flat[: size * count].reshape(size, count), flat[size * count :]
        odds = inputs @ weights + bias
        errors = 1 / (1 + np.exp(-odds)) - wanted
        whole = np.logaddexp(0, odds).sum() - (wanted * odds).sum() + 0.5 * RIDGE * (weights**2).sum()
        return float(whole), np.concatenate([(across @ errors + RIDGE * weights).ravel(), errors.sum(axis=0)])

    share = wanted.mean(axis=0) + 1e-4
    start = np.concatenate([np.zeros(size * count), np.log(share / (1 - share))])
    flat = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": rounds}).x
    return flat[: size * count].reshape(size, count), flat[size * count :]


def learnt(
    known: Phrases, facets: list[Facet], rounds: int
) -> tuple[dict[str, int], NDArray[np.float64], NDArray[np.float64]]:
    """The parts of known phrases, and the weights and the bias that were learnt from those."""
    rows = {part: row for row, part in enumerate(sorted({part for phrase in known for part in parts(phrase)}))}
    wanted = np.array([[facet in meant for facet in facets] for meant in known.values()], float)
    return rows, *fitted(features(list(known), rows), wanted, rounds)


def check(known: Phrases, facets: list[Facet], rounds: int) -> None:
    """Prints how many meanings of phrases that were left out are told, and how many of those told are right."""
    chance = np.random.default_rng(1).permutation(len(known))
    told = right = meant = 0
    for fold in range(FOLDS):
        out = {phrase: known[phrase] for number, phrase in enumerate(known) if chance[number] % FOLDS == fold}
        rows, weights, bias = learnt({p: m for p, m in known.items() if p not in out}, facets, rounds)
        found = 1 / (1 + np.exp(-(features(list(out), rows) @ weights + bias))) >= LEAST
        wanted = np.array([[facet in meanings for facet in facets] for meanings in out.values()])
        told, right, meant = told + found.sum(), right + (found & wanted).sum(), meant + wanted.sum()
    print(f"{len(known)} phrases: {right / meant:.2f} of the meanings told, {right / told:.2f} of those right")


def save(known: Phrases, facets: list[Facet], path: Path, rounds: int, least: float) -> None:
    """Writes a file, weights in 8 bits; a weight that is never as large as `least` is left out."""
    rows, weights, bias = learnt(known, facets, rounds)
    of_parts = weights[: len(rows)]
    kept = np.abs(of_parts).max(axis=1) >= least
    scale = np.abs(of_parts).max(axis=0) / 127
    np.savez_compressed(
        path,
        facets=np.array("\n".join(f"{facet.key}:{facet.value}" for facet in facets).encode()),
        parts=np.array("\n".join(part for part, row in rows.items() if kept[row]).encode()),
        weights=np.round(of_parts[kept] / scale).astype(np.int8),
        scale=scale.astype(np.float32),
        directed=weights[len(rows) :].astype(np.float32),
        bias=bias.astype(np.float32),
    )


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="print how well it is told, and write nothing")
    checks = parser.parse_args().check
    for path, (keys, rounds, least) in LEARNT.items():
        known = phrases(keys)
        facets = sorted({facet for meant in known.values() for facet in meant})
        if checks:
            print(path.stem, end=": ")
            check(known, facets, rounds)
        else:
            save(known, facets, path, rounds, least)


if __name__ == "__main__":
    main()
