"""Vector quantiser with a codebook learned by exponential moving averages (van den Oord et al. 2017, appendix A)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

DECAY = 0.99
EPSILON = 1e-5
DEAD_BELOW = 2.0
KMEANS_ROUNDS = 50
KMEANS_FRAMES = 10_000


@dataclass(frozen=True)
class Quantized:
    """``values (B, C, T)``, ``codes (1, B, T)`` and the commitment loss (scalar)."""

    values: Tensor
    codes: Tensor
    commitment: Tensor


class Codebook(nn.Module):
    """``size`` vectors of ``dim``; all four buffers are saved."""

    inited: Tensor
    cluster_size: Tensor
    embed: Tensor
    embed_avg: Tensor

    def __init__(self, size: int, dim: int) -> None:
        super().__init__()
        vectors = torch.empty(size, dim)
        nn.init.kaiming_uniform_(vectors)
        self.register_buffer("inited", torch.zeros(1))
        self.register_buffer("cluster_size", torch.zeros(size))
        self.register_buffer("embed", vectors)
        self.register_buffer("embed_avg", vectors.clone())

    def nearest(self, rows: Tensor) -> Tensor:
        """Index of the nearest vector (the first one of equals); rows ``(..., dim)``."""
        distance = rows.square().sum(-1, keepdim=True) - 2 * rows @ self.embed.t() + self.embed.square().sum(-1)
        return (-distance).argmax(-1)

    @torch.no_grad()
    def start(self, rows: Tensor) -> None:
        """Places the vectors by k-means on ``rows (n, dim)``; needed once, before the first training batch."""
        sample = rows[torch.randperm(len(rows), device=rows.device)[:KMEANS_FRAMES]]
        means = _drawn(sample, len(self.embed))
        for _ in range(KMEANS_ROUNDS):
            member = torch.cdist(sample, means).argmin(-1)
            counts = torch.bincount(member, minlength=len(means))
            sums = torch.zeros_like(means).index_add_(0, member, sample)
            means = torch.where(counts[:, None] > 0, sums / counts.clamp_min(1)[:, None], means)
        self.embed.copy_(means)
        self.embed_avg.copy_(means)
        self.cluster_size.copy_(counts)
        self.inited.fill_(1)

    @torch.no_grad()
    def update(self, rows: Tensor, codes: Tensor) -> None:
        """One moving-average step towards the ``rows (n, dim)`` assigned by ``codes (n,)``; revives dead vectors."""
        size = len(self.embed)
        counts = torch.bincount(codes, minlength=size).to(rows.dtype)
        sums = torch.zeros_like(self.embed).index_add_(0, codes, rows)
        self.cluster_size.mul_(DECAY).add_(counts, alpha=1 - DECAY)
        self.embed_avg.mul_(DECAY).add_(sums, alpha=1 - DECAY)
        total = self.cluster_size.sum()
        smoothed = (self.cluster_size + EPSILON) / (total + size * EPSILON) * total
        self.embed.copy_(self.embed_avg / smoothed[:, None])
        dead = self.cluster_size < DEAD_BELOW
        if dead.any():
            self.embed[dead] = _drawn(rows, size)[dead]


def _drawn(rows: Tensor, count: int) -> Tensor:
    """``count`` random rows, without replacement where there are enough."""
    if len(rows) >= count:
        return rows[torch.randperm(len(rows), device=rows.device)[:count]]
    return rows[torch.randint(len(rows), (count,), device=rows.device)]


class QuantizerLayer(nn.Module):
    """Holds a codebook under the published key."""

    def __init__(self, size: int, dim: int) -> None:
        super().__init__()
        self._codebook = Codebook(size, dim)

    @property
    def codebook(self) -> Codebook:
        """The codebook of the layer."""
        return self._codebook


class QuantizerStack(nn.Module):
    """The list of layers of a residual quantiser; this model has one."""

    def __init__(self, size: int, dim: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList([QuantizerLayer(size, dim)])


class Quantizer(nn.Module):
    """Continuous content ``(B, C, T)`` <-> tokens."""

    def __init__(self, size: int, dim: int) -> None:
        super().__init__()
        self.vq = QuantizerStack(size, dim)

    @property
    def codebook(self) -> Codebook:
        """The only codebook."""
        layer = self.vq.layers[0]
        assert isinstance(layer, QuantizerLayer)
        return layer.codebook

    def encode(self, x: Tensor) -> Tensor:
        """``(B, C, T)`` -> codes ``(1, B, T)``."""
        return self.codebook.nearest(x.transpose(1, 2)).unsqueeze(0)

    def decode(self, codes: Tensor) -> Tensor:
        """Codes ``(1, B, T)`` -> codebook rows ``(B, C, T)``."""
        return F.embedding(codes[0], self.codebook.embed).transpose(1, 2)

    def forward(self, x: Tensor) -> Quantized:
        """In eval mode plain rows and no loss; in training straight-through values, and the codebook moves."""
        if not self.training:
            codes = self.encode(x)
            return Quantized(self.decode(codes), codes, x.new_zeros(()))
        rows = x.transpose(1, 2).flatten(0, 1).detach()
        if not self.codebook.inited:
            self.codebook.start(rows)
        codes = self.encode(x)
        values = self.decode(codes).detach()
        self.codebook.update(rows, codes.flatten())
        return Quantized(x + (values - x).detach(), codes, F.mse_loss(values, x))
