"""The bottleneck of stage 2: content features to one of about a hundred tokens, 25 a second."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class TokenQuantiser(nn.Module):
    """A codebook of unit vectors at right angles; the nearest by angle wins.

    Tokens mean phones (:mod:`gptsovits.nano.phones`), so the codebook is not learned: the projection before it is.
    """

    def __init__(self, size: int, dim: int) -> None:
        super().__init__()
        angles = torch.randn(max(size, dim), min(size, dim), generator=torch.Generator().manual_seed(1))
        basis = torch.linalg.qr(angles).Q
        self.codebook = nn.Parameter((basis if size > dim else basis.T).contiguous(), requires_grad=False)

    def similarities(self, projected: Tensor) -> Tensor:
        """Cosines ``(B, T, size)`` of projected features ``(B, T, C)`` with every entry."""
        return F.normalize(projected, dim=-1) @ F.normalize(self.codebook, dim=1).T

    def encode(self, projected: Tensor) -> Tensor:
        """Projected features ``(B, T, C)`` -> tokens ``(B, T)``."""
        return self.similarities(projected).argmax(-1)

    def decode(self, tokens: Tensor) -> Tensor:
        """Tokens ``(B, T)`` -> unit vectors ``(B, T, C)``."""
        return F.embedding(tokens, F.normalize(self.codebook, dim=1))
