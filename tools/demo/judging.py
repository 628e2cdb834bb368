"""Judges by name: similarity by Resemblyzer, words by pocketsphinx, predicted opinion by DNSMOS; with controls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gptsovits.judge.intelligibility import Listener
from gptsovits.judge.intervals import Interval, interval, paired_gain
from gptsovits.judge.opinion import mean_overall
from gptsovits.judge.similarity import embedding, similarity
from tools.demo.recording import Floats, read_16k

JUDGES = {"similarity": "Resemblyzer", "word_error_rate": "pocketsphinx en-us", "mos": "DNSMOS P.835 (speechmos)"}


@dataclass(frozen=True)
class Spoken:
    """A sentence, the file in which it is spoken, and the semantic tokens it was decoded from."""

    text: str
    path: Path
    tokens: tuple[int, ...] = ()


@dataclass(frozen=True)
class Row:
    """The figures of one speaker of the table."""

    name: str
    similarity: float | None
    word_error_rate: float
    mos: float
    seconds: float
    similarities: tuple[float, ...] = ()


def judge(name: str, spoken: Sequence[Spoken], reference: Floats | None) -> Row:
    """Judges clips; `reference` is the embedding of the speaker they should resemble (None: itself)."""
    waves = [read_16k(one.path) for one in spoken]
    near = [] if reference is None else [similarity(embedding(wave), reference) for wave in waves]
    return Row(
        name,
        float(np.mean(near)) if near else None,
        word_error_rate(waves, [one.text for one in spoken]),
        mean_overall(waves),
        sum(len(wave) for wave in waves) / 16000,
        tuple(near),
    )


def word_error_rate(waves: Sequence[Floats], texts: Sequence[str]) -> float:
    """Errors over all words of all sentences."""
    listener = Listener()
    judged = [listener.judge(wave, text) for wave, text in zip(waves, texts, strict=True)]
    return sum(j.errors for j in judged) / max(sum(j.words for j in judged), 1)


def gain(better: Row, worse: Row) -> Interval:
    """How much nearer `better` is to the speaker than `worse`, with its 95 % bootstrap interval."""
    return paired_gain(better.similarities, worse.similarities)


def distances(spoken: Sequence[Spoken], speakers: Mapping[str, Floats]) -> dict[str, Interval]:
    """Similarity of the clips to each of several speakers, by name."""
    own = [embedding(read_16k(one.path)) for one in spoken]
    return {name: interval([similarity(e, reference) for e in own]) for name, reference in speakers.items()}
