"""What a voice speaks with: a prompt as given, and the conditioning that is computed from it once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gptsovits.errors import MissingInput
from gptsovits.runtime.sampling import Floats, Tokens


@dataclass(frozen=True)
class Prompt:
    """A reference: ``wave (L,)`` at the voice's rate, and either content ``features (1, C, T)`` or ``codes (P,)``.

    ``phones (N,)`` and ``bert (bert_dim, N)`` belong to the words of the reference; without them and without
    features the voice speaks reference-free, with the timbre only. ``speaker (1, 20480)`` for the Pro versions.
    """

    wave: Floats
    features: Floats | None = None
    codes: Tokens | None = None
    phones: Tokens | None = None
    bert: Floats | None = None
    speaker: Floats | None = None
    text: str = ""
    language: str = ""


@dataclass(frozen=True)
class Conditioning:
    """Timbre ``ge (1, G, 1)``, prompt ``codes (P,)``, ``phones (N,)`` and ``bert (bert_dim, N)``.

    N = P = 0 means reference-free.

    This is all that a private prompt gives away: no audio, no text.
    """

    ge: Floats
    codes: Tokens
    phones: Tokens
    bert: Floats

    @classmethod
    def timbre_only(cls, ge: Floats, bert_dim: int) -> Conditioning:
        """Reference-free: the timbre without words."""
        return cls(ge, np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((bert_dim, 0), np.float32))


def bert_for(phones: Tokens, bert: Floats | None, bert_dim: int) -> Floats:
    """BERT features ``(bert_dim, N)`` for ``phones (N,)``: zeros where none are given."""
    if bert is None or bert_dim == 0:
        return np.zeros((bert_dim, len(phones)), np.float32)
    features = np.asarray(bert, np.float32)
    if features.ndim == 3:
        features = features[0]
    if features.shape != (bert_dim, len(phones)):
        raise MissingInput(
            f"The BERT features are {features.shape}, but the voice needs {(bert_dim, len(phones))}: "
            "one column per phone."
        )
    return features
