"""BERT features of Mandarin phones, over onnxruntime; zeros for every other language, as voices are trained."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from gptsovits.errors import BrokenVoice
from gptsovits.runtime.graph import Graph
from gptsovits.runtime.sampling import Floats
from gptsovits.text.sequence import PhonemeSequence

START, END, UNKNOWN = "[CLS]", "[SEP]", "[UNK]"
LONGEST = 510
"""Characters in one run: what the published model has positions for."""


def vocabulary_words(path: Path) -> list[str]:
    """The words of a ``vocab.txt``, one a line, by their numbers.

    Only a line feed ends a line: U+2028 is a word of the published vocabulary, and would move all that follow.
    """
    words = path.read_text(encoding="utf-8").split("\n")
    return words if words[-1] else words[:-1]


class BertFeatures:
    """``base.json``, ``bert.onnx`` and ``vocab.txt`` in one folder. Thread-safe."""

    def __init__(self, graph: Graph, vocabulary: Mapping[str, int], feature_dim: int) -> None:
        self._graph, self._vocabulary, self.feature_dim = graph, vocabulary, feature_dim

    @classmethod
    def load(cls, folder: Path | str, threads: int = 1) -> BertFeatures:
        """Opens the BERT of a registered base."""
        place = Path(folder)
        try:
            dim = int(json.loads((place / "base.json").read_text(encoding="utf-8"))["feature_dim"])
            words = vocabulary_words(place / "vocab.txt")
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BrokenVoice(f"{place} holds no BERT (base.json: {error}); register the base again.") from error
        vocabulary = {word: number for number, word in enumerate(words)}
        if not {START, END, UNKNOWN} <= set(vocabulary):
            raise BrokenVoice(f"The vocabulary in {place} lacks {START}, {END} or {UNKNOWN}; register the base again.")
        return cls(Graph(place / "bert.onnx", threads), vocabulary, dim)

    def of_sequence(self, sequence: PhonemeSequence) -> Floats:
        """``(D, N)`` for the phones of a text of any languages."""
        parts = sequence.parts or (sequence,)
        columns = [self._of_part(part) for part in parts]
        return np.ascontiguousarray(np.concatenate([*columns, np.zeros((self.feature_dim, 0), np.float32)], 1))

    def _of_part(self, part: PhonemeSequence) -> Floats:
        if part.language != "zh" or part.word2ph is None:
            return np.zeros((self.feature_dim, len(part.phones)), np.float32)
        return np.repeat(self._of_characters(part.normalized), part.word2ph, axis=0).T

    def _of_characters(self, text: str) -> Floats:
        """A row per character, ``(len(text), D)``."""
        rows = [self._run(text[first : first + LONGEST]) for first in range(0, len(text), LONGEST)]
        return np.concatenate(rows) if rows else np.zeros((0, self.feature_dim), np.float32)

    def _run(self, text: str) -> Floats:
        known, unknown = self._vocabulary, self._vocabulary[UNKNOWN]
        ids = [known[START], *(known.get(character.lower(), unknown) for character in text), known[END]]
        features: Floats = self._graph.run(ids=np.array([ids], np.int64))[0]
        return features
