"""Transformer encoder over channel-first sequences, post-norm, with relative attention of window 4."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gptsovits.arch.attention import Attention
from gptsovits.arch.masking import masked, pair_mask

WINDOW = 4


class ChannelNorm(nn.Module):
    """Layer norm over the channels of ``(B, C, T)``, eps 1e-5."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(channels))
        self.beta = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Normalises each frame."""
        return F.layer_norm(x.transpose(1, 2), self.gamma.shape, self.gamma, self.beta, 1e-5).transpose(1, 2)


class FeedForward(nn.Module):
    """Two convolutions with ReLU between, each on masked and symmetrically padded input."""

    def __init__(self, channels: int, inner: int, kernel: int, dropout: float) -> None:
        super().__init__()
        self.padding = ((kernel - 1) // 2, kernel // 2)
        self.conv_1 = nn.Conv1d(channels, inner, kernel)
        self.conv_2 = nn.Conv1d(inner, channels, kernel)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """``(B, C, T)`` -> ``(B, C, T)``."""
        x = F.relu(self.conv_1(F.pad(masked(x, mask), self.padding)))
        x = self.conv_2(F.pad(masked(self.dropout(x), mask), self.padding))
        return masked(x, mask)


class Encoder(nn.Module):
    """``layers`` of attention and feed-forward networks."""

    def __init__(self, channels: int, inner: int, heads: int, layers: int, kernel: int, dropout: float) -> None:
        super().__init__()
        self.attn_layers = nn.ModuleList(Attention(channels, heads, dropout, WINDOW) for _ in range(layers))
        self.norm_layers_1 = nn.ModuleList(ChannelNorm(channels) for _ in range(layers))
        self.ffn_layers = nn.ModuleList(FeedForward(channels, inner, kernel, dropout) for _ in range(layers))
        self.norm_layers_2 = nn.ModuleList(ChannelNorm(channels) for _ in range(layers))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """``(B, C, T)`` -> ``(B, C, T)``, invalid frames zero."""
        visible = pair_mask(mask, mask)
        x = masked(x, mask)
        layers = zip(self.attn_layers, self.norm_layers_1, self.ffn_layers, self.norm_layers_2, strict=True)
        for attend, norm_1, feed, norm_2 in layers:
            x = norm_1(x + self.dropout(attend(x, x, visible)))
            x = norm_2(x + self.dropout(feed(x, mask)))
        return masked(x, mask)
