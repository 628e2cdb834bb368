"""The bottleneck of stage 2: content features to one of a few hundred tokens, 25 a second."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class TokenQuantiser(nn.Module):
    """A codebook of unit vectors; the nearest by angle wins."""

    def __init__(self, size: int, dim: int) -> None:
        super().__init__()
        self.codebook = nn.Parameter(F.normalize(torch.randn(size, dim), dim=1))

    def encode(self, projected: Tensor) -> Tensor:
        """Projected features ``(B, T, C)`` -> tokens ``(B, T)``."""
        return (F.normalize(projected, dim=-1) @ F.normalize(self.codebook, dim=1).T).argmax(-1)

    def decode(self, tokens: Tensor) -> Tensor:
        """Tokens ``(B, T)`` -> unit vectors ``(B, T, C)``."""
        return F.embedding(tokens, F.normalize(self.codebook, dim=1))

    def forward(self, projected: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Straight-through quantised vectors, tokens, and the commitment and codebook loss."""
        direction = F.normalize(projected, dim=-1)
        tokens = self.encode(projected)
        chosen = self.decode(tokens)
        loss = F.mse_loss(chosen, direction.detach()) + 0.25 * F.mse_loss(direction, chosen.detach())
        return direction + (chosen - direction).detach(), tokens, loss * direction.shape[-1]
