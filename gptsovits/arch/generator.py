"""Wave generator after HiFi-GAN (Kong et al. 2020), conditioned on the timbre vector."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gptsovits.arch.weightnorm import NormedConv1d, NormedConvTranspose1d
from gptsovits.config import S2Config

SLOPE = 0.1


class DilatedPairs(nn.Module):
    """Residual block "1": for each dilation a dilated and a plain convolution."""

    def __init__(self, channels: int, kernel: int, dilations: tuple[int, ...]) -> None:
        super().__init__()
        self.convs1 = nn.ModuleList(_same(channels, kernel, dilation) for dilation in dilations)
        self.convs2 = nn.ModuleList(_same(channels, kernel, 1) for _ in dilations)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, T)`` -> ``(B, C, T)``."""
        for dilated, plain in zip(self.convs1, self.convs2, strict=True):
            x = x + plain(F.leaky_relu(dilated(F.leaky_relu(x, SLOPE)), SLOPE))
        return x


class DilatedSingles(nn.Module):
    """Residual block "2": one dilated convolution for each dilation."""

    def __init__(self, channels: int, kernel: int, dilations: tuple[int, ...]) -> None:
        super().__init__()
        self.convs = nn.ModuleList(_same(channels, kernel, dilation) for dilation in dilations)

    def forward(self, x: Tensor) -> Tensor:
        """``(B, C, T)`` -> ``(B, C, T)``."""
        for dilated in self.convs:
            x = x + dilated(F.leaky_relu(x, SLOPE))
        return x


def _same(channels: int, kernel: int, dilation: int) -> NormedConv1d:
    return NormedConv1d(channels, channels, kernel, padding=(kernel * dilation - dilation) // 2, dilation=dilation)


class Generator(nn.Module):
    """Latent ``(B, C, T)`` at 50 frames a second and timbre ``(B, G, 1)`` -> wave ``(B, 1, T * product of rates)``."""

    def __init__(self, config: S2Config) -> None:
        super().__init__()
        width = config.upsample_initial_channel
        block = DilatedPairs if config.resblock == "1" else DilatedSingles
        shapes = list(zip(config.resblock_kernel_sizes, config.resblock_dilation_sizes, strict=True))
        self.blocks_per_stage = len(shapes)
        self.conv_pre = nn.Conv1d(config.inter_channels, width, 7, padding=3)
        self.cond = nn.Conv1d(config.gin_channels, width, 1)
        self.ups = nn.ModuleList()
        self.resblocks = nn.ModuleList()
        for rate, kernel in zip(config.upsample_rates, config.upsample_kernel_sizes, strict=True):
            self.ups.append(NormedConvTranspose1d(width, width // 2, kernel, rate, (kernel - rate) // 2))
            width //= 2
            self.resblocks.extend(block(width, size, dilations) for size, dilations in shapes)
        self.conv_post = nn.Conv1d(width, 1, 7, padding=3, bias=False)

    def forward(self, latent: Tensor, timbre: Tensor) -> Tensor:
        """The wave in (-1, 1)."""
        return self.rendered(self.raised(self.begun(latent, timbre), range(len(self.ups))))

    def begun(self, latent: Tensor, timbre: Tensor) -> Tensor:
        """What the first stage raises, ``(B, C', T)``."""
        x: Tensor = self.conv_pre(latent) + self.cond(timbre)
        return x

    def raised(self, x: Tensor, stages: range) -> Tensor:
        """After some of the stages: ``(B, C, T)`` -> half the channels and ``rate`` times the frames for each."""
        for stage in stages:
            x = self.ups[stage](F.leaky_relu(x, SLOPE))
            first = stage * self.blocks_per_stage
            x = sum(block(x) for block in self.resblocks[first : first + self.blocks_per_stage]) / self.blocks_per_stage
        return x

    def rendered(self, x: Tensor) -> Tensor:
        """The wave of what all stages have raised."""
        # The last activation has the framework's default slope, not SLOPE: published weights expect it.
        return torch.tanh(self.conv_post(F.leaky_relu(x)))
