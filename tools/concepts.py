"""`python -m tools.concepts`: makes `services/catalog/search/concepts.npz` again (about five processor minutes).

Needs the extra `meaning`. The concepts are words of `words.npz`, English and Chinese by turns, each most frequent
first, as far as they are not near to one that was taken before; each is then moved to the mean of the words nearest to
it. With them go the directions of the lexicon's words, so that a hub need not compute those when it starts. All in 8
bits.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from services.catalog.search.concepts import CONCEPTS
from services.catalog.search.lexicon import load
from services.catalog.search.sentences import meanings_of
from services.catalog.search.tokens import is_single, written
from services.catalog.search.words import load_words

CHINESE, ENGLISH = 22_000, 20_000
MOST, APART = 6_000, 0.6  # concepts, and the cosine from which a word is near to another
BATCH = 400


def common() -> list[str]:
    """The words among which the concepts are spread."""
    words = load_words().words
    chinese = [word for word in words if is_single(word[0])][:CHINESE]
    english = [word for word in words if not is_single(word[0])][:ENGLISH]
    return [word for pair in zip(english, chinese, strict=False) for word in pair]


def spread(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Directions that are apart, and near to some of the vectors each."""
    taken = np.zeros((MOST, vectors.shape[1]), np.float32)
    count = 0
    for vector in vectors:
        if count == MOST:
            break
        if not count or float((taken[:count] @ vector).max()) < APART:
            taken[count] = vector
            count += 1
    starts = range(0, len(vectors), BATCH)
    nearest = np.concatenate([np.argmax(vectors[at : at + BATCH] @ taken[:count].T, axis=1) for at in starts])
    means = np.zeros((count, vectors.shape[1]), np.float32)
    np.add.at(means, nearest, vectors)
    return means


def directions(words: list[str]) -> NDArray[np.float32]:
    """Unit vectors of words."""
    return np.concatenate([meanings_of(words[at : at + BATCH]) for at in range(0, len(words), BATCH)])


def _bytes(rows: NDArray[np.float32]) -> NDArray[np.int8]:
    return np.asarray(np.round(rows / np.abs(rows).max(axis=1, keepdims=True) * 127), np.int8)


def main() -> None:
    """Writes the file."""
    lexicon = load()
    written_terms = dict.fromkeys(written(term) for term in [*lexicon.terms, *lexicon.suggests])
    terms = [term for term in written_terms if not any(character.isdigit() for character in term)]
    np.savez_compressed(
        CONCEPTS,
        directions=_bytes(spread(directions(common()))),
        terms=np.array("\n".join(terms).encode()),
        term_directions=_bytes(directions(terms)),
    )


if __name__ == "__main__":
    main()
