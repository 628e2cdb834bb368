"""Multi-head attention over channel-first sequences ``(B, C, T)``, with relative positions in a small window."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

BLOCKED = -1e4


class Attention(nn.Module):
    """Attention between two sequences of the same width (Shaw et al. 2018 for ``window``).

    With ``window`` w, offsets of at most w frames add learned vectors to keys and values, one set for all heads;
    farther frames add nothing.
    """

    def __init__(self, channels: int, heads: int, dropout: float = 0.0, window: int | None = None) -> None:
        super().__init__()
        self.heads, self.width, self.window = heads, channels // heads, window
        self.conv_q = nn.Conv1d(channels, channels, 1)
        self.conv_k = nn.Conv1d(channels, channels, 1)
        self.conv_v = nn.Conv1d(channels, channels, 1)
        self.conv_o = nn.Conv1d(channels, channels, 1)
        self.dropout = nn.Dropout(dropout)
        if window is not None:
            shape = (1, 2 * window + 1, self.width)
            self.emb_rel_k = nn.Parameter(torch.randn(shape) * self.width**-0.5)
            self.emb_rel_v = nn.Parameter(torch.randn(shape) * self.width**-0.5)
        for layer in (self.conv_q, self.conv_k, self.conv_v):
            nn.init.xavier_uniform_(layer.weight)

    def forward(self, x: Tensor, context: Tensor, visible: Tensor | None) -> Tensor:
        """``x (B, C, T)`` attends to ``context (B, C, S)``; pairs with ``visible (B, 1, T, S)`` 0 are blocked."""
        query = self._split(self.conv_q(x)) / math.sqrt(self.width)
        key, value = self._split(self.conv_k(context)), self._split(self.conv_v(context))
        scores = query @ key.transpose(-1, -2)
        if self.window is not None:
            scores = scores + spread_offsets(query @ self.emb_rel_k[0].transpose(0, 1), self.window)
        if visible is not None:
            scores = scores.masked_fill(visible == 0, BLOCKED)
        weights = self.dropout(scores.softmax(-1))
        heads = weights @ value
        if self.window is not None:
            heads = heads + gather_offsets(weights, self.window) @ self.emb_rel_v[0]
        result: Tensor = self.conv_o(heads.transpose(2, 3).flatten(1, 2))
        return result

    def _split(self, x: Tensor) -> Tensor:
        """``(B, C, T)`` -> ``(B, H, T, d)``."""
        return x.view(x.shape[0], self.heads, self.width, x.shape[2]).transpose(2, 3)


def spread_offsets(by_offset: Tensor, window: int) -> Tensor:
    """Values per offset ``(B, H, T, 2w + 1)`` placed at their key: ``(B, H, T, T)``, 0 outside the window.

    Padding each row by T and reading the rows one shorter shifts row i by i, for any T (exportable).
    """
    batch, heads, length, offsets = by_offset.shape
    rows = F.pad(by_offset, (0, length)).flatten(2)
    skewed = rows[:, :, : length * (length + offsets - 1)]
    return skewed.view(batch, heads, length, length + offsets - 1)[..., window : window + length]


def gather_offsets(weights: Tensor, window: int) -> Tensor:
    """Inverse of :func:`spread_offsets`: ``(B, H, T, T)`` -> ``(B, H, T, 2w + 1)``."""
    batch, heads, length, _ = weights.shape
    rows = F.pad(weights, (window, window)).flatten(2)
    skewed = F.pad(rows, (0, length)).view(batch, heads, length, length + 2 * window + 1)
    return skewed[..., : 2 * window + 1]
