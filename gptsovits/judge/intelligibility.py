"""Word error rate by pocketsphinx with its US English model: weak in absolute terms, so read it beside controls."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pocketsphinx

if TYPE_CHECKING:
    import inflect

Floats = npt.NDArray[np.float32]

SAMPLE_RATE = 16000
_SPELLINGS = {"mr": "mister", "mrs": "missus", "dr": "doctor", "st": "saint", "ok": "okay"}


@dataclass(frozen=True)
class WordErrors:
    """``errors`` among ``words`` reference words, and what was heard."""

    errors: int
    words: int
    heard: str

    @property
    def rate(self) -> float:
        """Errors per reference word; may exceed 1."""
        return self.errors / max(self.words, 1)


class Listener:
    """A recogniser; one utterance at a time."""

    def __init__(self) -> None:
        self._decoder = pocketsphinx.Decoder(samprate=SAMPLE_RATE, loglevel="FATAL")

    def hear(self, wave: Floats) -> str:
        """Words recognised in ``wave`` (16 kHz)."""
        level = max(float(np.abs(wave).max()), 1e-5)
        padded = np.concatenate((np.zeros(SAMPLE_RATE // 5), wave * (0.7 / level), np.zeros(SAMPLE_RATE // 5)))
        self._decoder.start_utt()
        self._decoder.process_raw((padded * 32767).astype(np.int16).tobytes(), full_utt=True)
        self._decoder.end_utt()
        hypothesis = self._decoder.hyp()
        return hypothesis.hypstr if hypothesis else ""

    def judge(self, wave: Floats, text: str) -> WordErrors:
        """Word errors of ``wave`` against ``text``."""
        heard = self.hear(wave)
        reference = words(text)
        return WordErrors(distance(reference, words(heard)), len(reference), heard)


def _spelled(number: re.Match[str]) -> str:
    """A number in words."""
    return f" {_numbers().number_to_words(number.group(0), andword='')} "


@functools.cache
def _numbers() -> inflect.engine:
    import inflect  # Two seconds of computing, for texts with digits.

    return inflect.engine()


def words(text: str) -> list[str]:
    """Lower-case words; numbers and common abbreviations spelled out, hyphens split, apostrophes kept inside words."""
    spelled = re.sub(r"\d+", _spelled, text.lower())
    found = re.findall(r"[a-z]+(?:'[a-z]+)*", spelled.replace("’", "'"))
    return [_SPELLINGS.get(word, word) for word in found]


def distance(reference: Sequence[str], heard: Sequence[str]) -> int:
    """Substitutions, insertions and deletions (Levenshtein)."""
    row = list(range(len(heard) + 1))
    for index, wanted in enumerate(reference):
        previous, row = row, [index + 1]
        for place, word in enumerate(heard):
            row.append(min(previous[place] + (word != wanted), previous[place + 1] + 1, row[place] + 1))
    return row[-1]


def pooled(results: Sequence[WordErrors]) -> float:
    """Errors of all sentences per word of all sentences."""
    return sum(result.errors for result in results) / max(sum(result.words for result in results), 1)
