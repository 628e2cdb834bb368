"""The content encoder of a base: 16 kHz wave to 50 Hz features, over onnxruntime."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import soxr

from gptsovits.errors import BrokenVoice
from gptsovits.runtime.bundle import VoiceFacts
from gptsovits.runtime.graph import Graph
from gptsovits.runtime.sampling import Floats

CONTENT_RATE = 16000


class ContentEncoder:
    """``base.json`` and ``content.onnx`` in one folder."""

    def __init__(self, graph: Graph, feature_dim: int) -> None:
        self._graph = graph
        self.feature_dim = feature_dim

    @classmethod
    def load(cls, folder: Path | str, threads: int = 1) -> ContentEncoder:
        """Opens the encoder of a registered base."""
        place = Path(folder)
        try:
            description = json.loads((place / "base.json").read_text(encoding="utf-8"))
            dim = int(description["feature_dim"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            message = f"{place} holds no content encoder (base.json: {error}); register the base again."
            raise BrokenVoice(message) from error
        return cls(Graph(place / "content.onnx", threads), dim)

    def features(self, wave: Floats) -> Floats:
        """Wave ``(L,)`` at 16 kHz, fed raw -> features ``(1, C, T)`` at 50 Hz."""
        return self._graph.run(wave=np.asarray(wave, np.float32)[None])[0]

    def prompt_features(self, wave: Floats, facts: VoiceFacts) -> Floats:
        """Features of a reference at the voice's rate, with the silence at its end that the voice was tuned with."""
        at_16k = resampled(np.asarray(wave, np.float32), facts.sample_rate, CONTENT_RATE)
        silence = np.zeros(facts.prompt_silence_samples, np.float32)
        return self.features(np.concatenate((at_16k, silence)))


def resampled(wave: Floats, source: int, target: int) -> Floats:
    """Mono wave at another rate (soxr, high quality)."""
    if source == target:
        return wave
    return np.asarray(soxr.resample(wave, source, target, quality="HQ"), np.float32)
