"""Unit-normal noise by latent frame: how much of it is asked for at a time changes nothing."""

from __future__ import annotations

import numpy as np

from gptsovits.runtime.sampling import Floats


class FrameNoise:
    """Noise of one utterance, the same for the same seed; None draws a fresh one. Belongs to one thread."""

    def __init__(self, seed: int | None, channels: int) -> None:
        self._generator = np.random.default_rng(seed)
        self._drawn = np.zeros((0, channels), np.float32)

    def until(self, frames: int) -> Floats:
        """The first ``frames`` frames, ``(1, channels, frames)``."""
        missing = frames - len(self._drawn)
        if missing > 0:
            more = self._generator.standard_normal((missing, self._drawn.shape[1]), np.float32)
            self._drawn = np.concatenate((self._drawn, more))
        return np.ascontiguousarray(self._drawn[:frames].T[None])
