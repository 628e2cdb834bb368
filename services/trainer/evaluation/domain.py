"""An evaluation, its figures, and what differs between two."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

import numpy as np

from gptsovits.judge.intervals import Interval, paired_gain

DRAWS = 4000


class State(StrEnum):
    """Where an evaluation stands."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True)
class Sentence:
    """A judged sentence; None for what could not be measured. `digest` and `size` are of its WAV."""

    text: str
    digest: str = ""
    size: int = 0
    seconds: float = 0.0
    similarity: float | None = None
    errors: int | None = None
    words: int | None = None
    heard: str = ""
    mos: float = 0.0


@dataclass(frozen=True)
class Evaluation:
    """The evaluation of a version; `tools` are the judges with their versions, `missing` says what was not measured."""

    id: str
    version_id: str
    owner: str
    name: str
    state: State
    create_time: datetime
    failure: str = ""
    language: str = ""
    sentences: tuple[Sentence, ...] = ()
    missing: Mapping[str, str] = field(default_factory=dict)
    tools: Mapping[str, str] = field(default_factory=dict)
    end_time: datetime | None = None

    @property
    def figures(self) -> dict[str, float]:
        """Means over the sentences; word errors of all sentences per word of all sentences."""
        if not self.sentences:
            return {}
        found = {"mos": float(np.mean([one.mos for one in self.sentences]))}
        near = [one.similarity for one in self.sentences if one.similarity is not None]
        if near:
            found["similarity"] = float(np.mean(near))
        if heard := [one for one in self.sentences if one.errors is not None]:
            found["word_error_rate"] = _rate(heard)
        return {name: round(value, 4) for name, value in sorted(found.items())}


def differences(base: Evaluation, head: Evaluation) -> dict[str, Interval]:
    """Head minus base, paired by sentence, with 95 % bootstrap intervals; of what both were measured on."""
    before = {one.text: one for one in base.sentences}
    pairs = [(before[one.text], one) for one in head.sentences if one.text in before]
    if not pairs or base.language != head.language:
        return {}
    found = {"mos": paired_gain([two.mos for _, two in pairs], [one.mos for one, _ in pairs])}
    if near := _both(pairs, lambda one: one.similarity):
        found["similarity"] = paired_gain([two for _, two in near], [one for one, _ in near])
    if all(one.errors is not None and two.errors is not None for one, two in pairs):
        found["word_error_rate"] = _rates(pairs)
    return found


def _both(
    pairs: Sequence[tuple[Sentence, Sentence]], figure: Callable[[Sentence], float | None]
) -> list[tuple[float, float]]:
    values = [(figure(one), figure(two)) for one, two in pairs]
    return [(one, two) for one, two in values if one is not None and two is not None]


def _rates(pairs: Sequence[tuple[Sentence, Sentence]]) -> Interval:
    """The difference of pooled word error rates, sentences drawn with replacement."""
    words = np.array([two.words or 0 for _, two in pairs], np.float64)
    more = np.array([(two.errors or 0) - (one.errors or 0) for one, two in pairs], np.float64)
    drawn = np.random.default_rng(0).integers(len(pairs), size=(DRAWS, len(pairs)))
    spread = more[drawn].sum(1) / np.maximum(words[drawn].sum(1), 1.0)
    low, high = np.percentile(spread, [2.5, 97.5])
    return Interval(float(more.sum() / max(words.sum(), 1.0)), float(low), float(high))


def _rate(sentences: Sequence[Sentence]) -> float:
    return sum(one.errors or 0 for one in sentences) / max(sum(one.words or 0 for one in sentences), 1)
