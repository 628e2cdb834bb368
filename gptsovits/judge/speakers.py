"""Does one person speak in a recording, or do two? Speaker embeddings of windows, clustered in two.

Windows of 1.6 s (Resemblyzer) are split by spherical 2-means. Two people speak when the two centres are far apart and
each holds a good part of the recording. Measured with `python -m gptsovits.judge.mixtures` (four voice artists, 40 s):
one artist alone lies at 0.88 to 0.96, a reader who acts two characters at 0.85; two artists in turns lie at 0.58 to
0.85, two women in the same studio highest. With the threshold between, nobody was refused (0 of 23 recordings), and
9 of 80 mixtures with at least a fifth of the second voice were missed. A second voice below SMALLEST_SHARE is not seen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gptsovits.judge.similarity import SAMPLE_RATE, windows

Floats = npt.NDArray[np.float32]

FAR_APART = 0.82
SMALLEST_SHARE = 0.12
QUIET_SHARE = 0.1
ROUNDS = 25


@dataclass(frozen=True)
class Split:
    """Cosine of the two centres and the share of windows in the smaller cluster."""

    cosine: float
    share: float

    @property
    def two(self) -> bool:
        """Whether this looks like two people."""
        return self.cosine < FAR_APART and self.share >= SMALLEST_SHARE


def split(wave: Floats) -> Split:
    """The best split in two of a mono wave (n,) at 16 kHz."""
    found = _voiced_windows(wave)
    if len(found) < 4:
        return Split(1.0, 0.0)
    first, second = _farthest_pair(found)
    for _ in range(ROUNDS):
        nearer = found @ first >= found @ second
        if nearer.all() or not nearer.any():
            return Split(1.0, 0.0)
        first, second = _unit(found[nearer].mean(axis=0)), _unit(found[~nearer].mean(axis=0))
    share = float(min(nearer.mean(), 1 - nearer.mean()))
    return Split(float(first @ second), share)


def two_speakers(wave: Floats) -> bool:
    """Whether two people speak in a mono wave (n,) at 16 kHz."""
    return split(wave).two


def _voiced_windows(wave: Floats) -> Floats:
    size = SAMPLE_RATE // 50
    levels = np.sqrt(np.mean(wave[: len(wave) // size * size].reshape(-1, size) ** 2, axis=1))
    spoken = np.repeat(levels > QUIET_SHARE * np.percentile(levels, 95), size)
    speech = wave[: len(spoken)][spoken]
    return windows(speech) if len(speech) >= 2 * SAMPLE_RATE else np.zeros((0, 256), np.float32)


def _farthest_pair(found: Floats) -> tuple[Floats, Floats]:
    cosines = found @ found.T
    one, other = np.unravel_index(int(cosines.argmin()), cosines.shape)
    return found[one], found[other]


def _unit(vector: Floats) -> Floats:
    return np.asarray(vector / np.linalg.norm(vector), np.float32)
