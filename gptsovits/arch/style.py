"""Style encoder: one timbre vector from the low bins of a reference spectrogram (after MelStyle, Min et al. 2021)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class WrappedLinear(nn.Module):
    """A linear layer under the key ``fc``."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.fc = nn.Linear(inputs, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """``(..., inputs)`` -> ``(..., outputs)``."""
        result: Tensor = self.fc(x)
        return result


class WrappedConv(nn.Module):
    """A length-preserving convolution under the key ``conv``."""

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(inputs, outputs, kernel, padding=(kernel - 1) // 2)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, inputs, T)`` -> ``(B, outputs, T)``."""
        result: Tensor = self.conv(x)
        return result


class GatedConv(nn.Module):
    """Residual gated linear unit along time."""

    def __init__(self, channels: int, kernel: int, dropout: float) -> None:
        super().__init__()
        self.conv1 = WrappedConv(channels, 2 * channels, kernel)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, T)`` -> ``(B, C, T)``."""
        value, gate = self.conv1(x).chunk(2, dim=1)
        result: Tensor = x + self.dropout(value * torch.sigmoid(gate))
        return result


class StyleAttention(nn.Module):
    """Two-head self attention scaled by the model width, with a residual and without a norm."""

    def __init__(self, channels: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.w_qs = nn.Linear(channels, channels)
        self.w_ks = nn.Linear(channels, channels)
        self.w_vs = nn.Linear(channels, channels)
        self.fc = nn.Linear(channels, channels)
        self.attention_dropout = nn.Dropout(dropout)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """``x (B, T, C)``; ``mask (B, 1, T)`` hides keys."""
        query, key, value = (self._split(layer(x)) for layer in (self.w_qs, self.w_ks, self.w_vs))
        scores = query @ key.transpose(-1, -2) / math.sqrt(x.shape[-1])
        if mask is not None:
            scores = scores.masked_fill(mask.unsqueeze(1) == 0, -math.inf)
        heads = self.attention_dropout(scores.softmax(-1)) @ value
        result: Tensor = self.dropout(self.fc(heads.transpose(1, 2).flatten(2))) + x
        return result

    def _split(self, x: Tensor) -> Tensor:
        return x.view(x.shape[0], x.shape[1], self.heads, x.shape[2] // self.heads).transpose(1, 2)


class StyleEncoder(nn.Module):
    """Spectrogram ``(B, bins, T)`` -> timbre ``(B, G, 1)``."""

    def __init__(self, bins: int, hidden: int, outputs: int, kernel: int = 5, dropout: float = 0.1) -> None:
        super().__init__()
        self.spectral = nn.Sequential(
            WrappedLinear(bins, hidden), nn.Mish(), nn.Dropout(dropout),
            WrappedLinear(hidden, hidden), nn.Mish(), nn.Dropout(dropout),
        )  # fmt: skip
        self.temporal = nn.Sequential(GatedConv(hidden, kernel, dropout), GatedConv(hidden, kernel, dropout))
        self.slf_attn = StyleAttention(hidden, 2, dropout)
        self.fc = WrappedLinear(hidden, outputs)

    def forward(self, spec: Tensor, mask: Tensor | None) -> Tensor:
        """``spec`` has invalid frames at zero; the mean runs over valid frames."""
        x = self.temporal(self.spectral(spec.transpose(1, 2)).transpose(1, 2))
        x = (x if mask is None else x * mask).transpose(1, 2)
        frames: Tensor = self.fc(self.slf_attn(x, mask))
        if mask is None:
            return frames.mean(1).unsqueeze(-1)
        valid = mask.transpose(1, 2).float()
        return ((frames.float() * valid).sum(1) / valid.sum(1)).to(frames.dtype).unsqueeze(-1)
