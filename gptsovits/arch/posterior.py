"""Posterior encoder: from the linear spectrogram of the clip to the latent (training only)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gptsovits.arch.masking import masked
from gptsovits.arch.wavenet import WaveNet


class PosteriorEncoder(nn.Module):
    """Spectrogram ``(B, bins, T)`` -> mean and log deviation of the latent, each ``(B, C, T)``."""

    def __init__(self, bins: int, channels: int, hidden: int, kernel: int, layers: int, condition: int) -> None:
        super().__init__()
        self.pre = nn.Conv1d(bins, hidden, 1)
        self.enc = WaveNet(hidden, kernel, layers, condition)
        self.proj = nn.Conv1d(hidden, 2 * channels, 1)

    def forward(
        self, spec: Tensor, mask: Tensor | None, condition: Tensor, noise: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Sample with unit-normal ``noise (B, C, T)``, mean and log deviation; no gradient reaches ``condition``."""
        condition = condition.detach()
        hidden = self.enc(masked(self.pre(spec), mask), mask, condition)
        mean, log_deviation = masked(self.proj(hidden), mask).chunk(2, dim=1)
        return masked(mean + noise * torch.exp(log_deviation), mask), mean, log_deviation
