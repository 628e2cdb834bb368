"""Speaker similarity: cosine of Resemblyzer embeddings (GE2E, Wan et al. 2018) of 16 kHz speech."""

from __future__ import annotations

import contextlib
import functools
import io
import warnings
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

with warnings.catch_warnings():
    # Its voice detector asks for a part of setuptools that is on its way out.
    warnings.filterwarnings("ignore", message="pkg_resources is deprecated")
    import resemblyzer

Floats = npt.NDArray[np.float32]
SAMPLE_RATE = 16000


@functools.cache
def _encoder() -> resemblyzer.VoiceEncoder:
    with contextlib.redirect_stdout(io.StringIO()):
        return resemblyzer.VoiceEncoder("cpu", verbose=False)


def embedding(wave: Floats) -> Floats:
    """Unit embedding ``(256,)`` of speech at 16 kHz; level and pauses are normalised first."""
    prepared = resemblyzer.preprocess_wav(wave.astype(np.float32), source_sr=SAMPLE_RATE)
    usable = prepared if len(prepared) >= SAMPLE_RATE // 2 else wave
    return np.asarray(_encoder().embed_utterance(usable), np.float32)


def windows(wave: Floats, seconds: float = 1.6, step: float = 0.8) -> Floats:
    """Embeddings of overlapping windows ``(n, 256)`` of speech at 16 kHz."""
    size, hop = int(seconds * SAMPLE_RATE), int(step * SAMPLE_RATE)
    starts = range(0, max(len(wave) - size, 0) + 1, hop)
    return np.stack([np.asarray(_encoder().embed_utterance(wave[at : at + size]), np.float32) for at in starts])


def similarity(one: Floats, other: Floats) -> float:
    """Cosine of two embeddings."""
    return float(one @ other / (np.linalg.norm(one) * np.linalg.norm(other)))


def similarities(waves: Sequence[Floats], reference: Floats) -> list[float]:
    """Similarity of each wave to the embedding ``reference``."""
    return [similarity(embedding(wave), reference) for wave in waves]
