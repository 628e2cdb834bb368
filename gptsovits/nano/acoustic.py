"""Tokens, phones and timbre to an acoustic picture: log-mel bands, pitch and voicing, 100 frames a second."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gptsovits.nano.blocks import ConvStack
from gptsovits.nano.config import FRAMES_PER_TOKEN, MEL_BANDS, NanoConfig
from gptsovits.nano.content import levelled

PITCH_CENTRE = math.log(130.0)


@dataclass(frozen=True)
class Picture:
    """``mel (B, T, 80)``, ``pitch (B, T)`` as log Hz less PITCH_CENTRE, ``voicing (B, T)`` as a logit."""

    mel: Tensor
    pitch: Tensor
    voicing: Tensor


class ReferenceEncoder(nn.Module):
    """Timbre of a reference: log-mel ``(B, 80, T)`` -> ``(B, G, 1)``, a mean over time."""

    def __init__(self, config: NanoConfig) -> None:
        super().__init__()
        self.enter = nn.Conv1d(MEL_BANDS, config.ref_hidden, 5, stride=2, padding=2)
        self.stack = ConvStack(config.ref_hidden, 3, kernel=9)
        self.leave = nn.Linear(2 * config.ref_hidden, config.gin_channels)

    def forward(self, mel: Tensor) -> Tensor:
        """Mean and spread of the frame features, projected."""
        x = self.stack(self.enter(levelled(mel) * 0.5).transpose(1, 2))
        mean = x.mean(1)
        spread = ((x - mean[:, None]).square().mean(1) + 1e-4).sqrt()
        return torch.tanh(self.leave(torch.cat((mean, spread), -1)) * 0.5)[:, :, None]


class TextReader(nn.Module):
    """Lets every token look at the phones of its sentence; starts as no influence at all."""

    def __init__(self, config: NanoConfig) -> None:
        super().__init__()
        dim, hidden = config.text_dim, config.hidden
        self.embedding = nn.Embedding(config.n_symbols, dim)
        self.stack = ConvStack(dim, 2, kernel=5)
        self.query = nn.Linear(hidden, dim)
        self.key = nn.Linear(dim, dim)
        self.value = nn.Linear(dim, hidden)
        # How sharply attention follows the diagonal of the sentence.
        self.slope = nn.Parameter(torch.tensor(3.0))
        nn.init.zeros_(self.value.weight)
        nn.init.zeros_(self.value.bias)

    def forward(self, x: Tensor, phones: Tensor, phone_lengths: Tensor | None, token_lengths: Tensor | None) -> Tensor:
        """Adds what the phones ``(B, N)`` say to ``x (B, T, C)``; lengths mask padding in batches."""
        text = self.stack(self.embedding(phones))
        scores = self.query(x) @ self.key(text).transpose(1, 2) / math.sqrt(text.shape[-1])
        scores = scores - F.softplus(self.slope) * 10 * self._off_diagonal(x, text, phone_lengths, token_lengths)
        if phone_lengths is not None:
            hidden = torch.arange(text.shape[1], device=x.device)[None, None] >= phone_lengths[:, None, None]
            scores = scores.masked_fill(hidden, -1e4)
        told: Tensor = scores.softmax(-1) @ self.value(text)
        return x + told

    @staticmethod
    def _off_diagonal(x: Tensor, text: Tensor, phone_lengths: Tensor | None, token_lengths: Tensor | None) -> Tensor:
        """Squared distance ``(B, T, N)`` between the relative positions of tokens and phones."""
        tokens, phones = _positions(x, token_lengths), _positions(text, phone_lengths)
        return (tokens[:, :, None] - phones[:, None, :]).square()


def _positions(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Positions 0..1 along the time axis of ``x (B, T, C)``."""
    counted = torch.ones_like(x[:, :, 0]).cumsum(1) - 0.5
    total = torch.ones_like(x[:, :, 0]).sum(1, keepdim=True) if lengths is None else lengths[:, None].to(x.dtype)
    return counted / total


class AcousticModel(nn.Module):
    """Quantised content ``(B, T25, D)`` to a :class:`Picture` of four frames a token."""

    def __init__(self, config: NanoConfig) -> None:
        super().__init__()
        dim, condition = config.hidden, config.gin_channels
        self.enter = nn.Linear(config.content_dim, dim)
        self.reader = TextReader(config)
        self.tokens = ConvStack(dim, config.token_layers, condition, kernel=5)
        self.widen = nn.Linear(dim, FRAMES_PER_TOKEN * dim)
        self.frames = ConvStack(dim, config.frame_layers, condition, kernel=7)
        self.norm = nn.LayerNorm(dim)
        self.leave = nn.Linear(dim, MEL_BANDS + 2)
        self.timbre = nn.Linear(condition, MEL_BANDS + 2)

    def forward(
        self, content: Tensor, phones: Tensor, ge: Tensor, phone_lengths: Tensor | None = None,
        token_lengths: Tensor | None = None,
    ) -> Picture:  # fmt: skip
        """``content (B, T, D)``, ``phones (B, N)``, ``ge (B, G, 1)``."""
        condition = ge.transpose(1, 2)
        x = self.reader(self.enter(content * math.sqrt(content.shape[-1])), phones, phone_lengths, token_lengths)
        x = self.tokens(x, condition)
        x = self.widen(x).reshape(x.shape[0], -1, x.shape[2])
        out = self.leave(self.norm(self.frames(x, condition))) + self.timbre(condition)
        return Picture(out[..., :MEL_BANDS] - 2.0, out[..., MEL_BANDS], out[..., MEL_BANDS + 1])
