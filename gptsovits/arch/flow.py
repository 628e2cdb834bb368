"""Normalising flow between posterior and prior: mean-only couplings with channel flips (Dinh et al. 2017)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gptsovits.arch.masking import masked
from gptsovits.arch.wavenet import WaveNet


class Coupling(nn.Module):
    """Shifts the second half of the channels by a function of the first; the log-determinant is 0."""

    def __init__(self, channels: int, hidden: int, kernel: int, layers: int, condition: int) -> None:
        super().__init__()
        self.kept = channels // 2
        self.pre = nn.Conv1d(self.kept, hidden, 1)
        self.enc = WaveNet(hidden, kernel, layers, condition)
        self.post = nn.Conv1d(hidden, self.kept, 1)
        for parameter in self.post.parameters():
            nn.init.zeros_(parameter)

    def _shift(self, kept: Tensor, mask: Tensor | None, condition: Tensor) -> Tensor:
        hidden = self.enc(masked(self.pre(kept), mask), mask, condition)
        return masked(self.post(hidden), mask)

    def forward(self, x: Tensor, mask: Tensor | None, condition: Tensor) -> Tensor:
        """Towards the prior."""
        kept, moved = torch.split(x, self.kept, dim=1)
        return torch.cat((kept, self._shift(kept, mask, condition) + masked(moved, mask)), 1)

    def inverse(self, x: Tensor, mask: Tensor | None, condition: Tensor) -> Tensor:
        """Towards the posterior."""
        kept, moved = torch.split(x, self.kept, dim=1)
        return torch.cat((kept, masked(moved - self._shift(kept, mask, condition), mask)), 1)


class Flip(nn.Module):
    """Reverses the channel order."""

    def forward(self, x: Tensor, mask: Tensor | None, condition: Tensor) -> Tensor:
        """Same signature as a coupling."""
        return x.flip(1)

    def inverse(self, x: Tensor, mask: Tensor | None, condition: Tensor) -> Tensor:
        """A flip undoes itself."""
        return x.flip(1)


class Flow(nn.Module):
    """``flows`` pairs of coupling and flip; keys ``flows.0, 2, 4, ...`` hold the couplings."""

    def __init__(self, channels: int, hidden: int, kernel: int, layers: int, flows: int, condition: int) -> None:
        super().__init__()
        steps: list[Coupling | Flip] = []
        for _ in range(flows):
            steps += [Coupling(channels, hidden, kernel, layers, condition), Flip()]
        self.flows = nn.ModuleList(steps)

    def forward(self, z: Tensor, mask: Tensor | None, condition: Tensor) -> Tensor:
        """Posterior sample ``(B, C, T)`` -> prior space."""
        for step in self.flows:
            z = step(z, mask, condition)
        return z

    def inverse(self, z_p: Tensor, mask: Tensor | None, condition: Tensor) -> Tensor:
        """Prior sample ``(B, C, T)`` -> latent of the generator."""
        for step in reversed(self.flows):
            assert isinstance(step, Coupling | Flip)
            z_p = step.inverse(z_p, mask, condition)
        return z_p
