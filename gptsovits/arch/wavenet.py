"""Gated convolution stack with global conditioning (van den Oord et al. 2016), used by flow and posterior."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gptsovits.arch.masking import masked
from gptsovits.arch.weightnorm import NormedConv1d


class WaveNet(nn.Module):
    """``layers`` gated convolutions of width ``hidden``; every layer adds to the output."""

    def __init__(self, hidden: int, kernel: int, layers: int, condition: int) -> None:
        super().__init__()
        self.hidden = hidden
        padding = (kernel - 1) // 2
        self.cond_layer = NormedConv1d(condition, 2 * hidden * layers, 1)
        self.in_layers = nn.ModuleList(
            NormedConv1d(hidden, 2 * hidden, kernel, padding=padding) for _ in range(layers)
        )
        self.res_skip_layers = nn.ModuleList(
            NormedConv1d(hidden, 2 * hidden if layer < layers - 1 else hidden, 1) for layer in range(layers)
        )

    def forward(self, x: Tensor, mask: Tensor | None, condition: Tensor) -> Tensor:
        """``x (B, H, T)``, ``condition (B, G, 1)`` -> ``(B, H, T)``."""
        conditions = self.cond_layer(condition).split(2 * self.hidden, dim=1)
        skips = []
        for convolve, mix, bias in zip(self.in_layers, self.res_skip_layers, conditions, strict=True):
            filtered, gate = (convolve(x) + bias).split(self.hidden, dim=1)
            mixed = mix(torch.tanh(filtered) * torch.sigmoid(gate))
            skips.append(mixed[:, -self.hidden :])
            if mixed.shape[1] > self.hidden:
                x = masked(x + mixed[:, : self.hidden], mask)
        return masked(torch.stack(skips).sum(0), mask)
