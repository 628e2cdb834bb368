"""Settings, progress and result of a fine-tune."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class FinetuneSettings:
    """Epochs of each stage; an epoch is ``steps`` updates, and what a kill can lose."""

    acoustic_epochs: int = 9
    semantic_epochs: int = 3
    vocoder_epochs: int = 3
    steps: int = 20
    shares: tuple[float, ...] = (0.4, 0.5, 0.6, 0.75)
    sentences: int = 5
    seed: int = 0

    @classmethod
    def quick(cls) -> FinetuneSettings:
        """A short version for a first impression."""
        return cls(acoustic_epochs=4, semantic_epochs=1, vocoder_epochs=0, steps=15, shares=(0.5,), sentences=0)


@dataclass(frozen=True)
class Progress:
    """Epoch ``epoch`` of ``epochs`` (over all stages) is done; ``stage`` is acoustic, vocoder, semantic or choice."""

    stage: str
    epoch: int
    epochs: int
    loss: float
    seconds: float


@dataclass(frozen=True)
class Candidate:
    """Acoustic weights that lie ``share`` of the way from the base to the tuned ones, and their two figures.

    Between both ends intelligibility and similarity trade off (Wortsman et al. 2022, "Robust fine-tuning").
    """

    share: float
    similarity: float
    word_error_rate: float

    @property
    def merit(self) -> float:
        """Both figures in one: half of the error rate is taken off the similarity."""
        return self.similarity - 0.5 * self.word_error_rate


@dataclass(frozen=True)
class FinetuneResult:
    """``folder`` holds ``s1.safetensors``, ``s2.safetensors`` and ``voice.json``; None when cancelled."""

    folder: Path | None
    epochs: int
    seconds: float
    chosen: Candidate | None
    candidates: tuple[Candidate, ...]
