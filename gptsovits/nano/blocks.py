"""The one residual block of the nano networks, time-major ``(B, T, C)``."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class ConvBlock(nn.Module):
    """Depth-wise convolution, norm (modulated by a condition if there is one), and a two-layer network (ConvNeXt)."""

    def __init__(self, dim: int, condition: int = 0, kernel: int = 7, expansion: int = 2) -> None:
        super().__init__()
        self.depthwise = nn.Conv1d(dim, dim, kernel, padding=kernel // 2, groups=dim)
        self.norm = nn.LayerNorm(dim, elementwise_affine=not condition)
        self.film = nn.Linear(condition, 2 * dim) if condition else None
        self.widen = nn.Linear(dim, expansion * dim)
        self.narrow = nn.Linear(expansion * dim, dim)
        self.scale = nn.Parameter(torch.full((dim,), 0.3))
        if self.film is not None:
            nn.init.normal_(self.film.weight, std=0.02)
            nn.init.zeros_(self.film.bias)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """``x (B, T, C)``, ``condition (B, 1, G)``."""
        y = self.norm(self.depthwise(x.transpose(1, 2)).transpose(1, 2))
        if self.film is not None and condition is not None:
            gain, shift = self.film(condition).chunk(2, dim=-1)
            y = y * (1 + gain) + shift
        added: Tensor = self.scale * self.narrow(F.gelu(self.widen(y), approximate="tanh"))
        return x + added


class ConvStack(nn.Module):
    """Several :class:`ConvBlock` in order."""

    def __init__(self, dim: int, layers: int, condition: int = 0, kernel: int = 7) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(ConvBlock(dim, condition, kernel) for _ in range(layers))

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """``x (B, T, C)`` -> same shape."""
        for block in self.blocks:
            x = block(x, condition)
        return x
