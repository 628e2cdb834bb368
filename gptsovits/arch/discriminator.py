"""Discriminators of training: one on the raw wave and one per period (Kong et al. 2020)."""

from __future__ import annotations

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional as F

from gptsovits.arch.weightnorm import NormedConv1d, NormedConv2d
from gptsovits.config import S2Config

SLOPE = 0.1
V2_PERIODS = (2, 3, 5, 7, 11)
PRO_PERIODS = (*V2_PERIODS, 17, 23)

Verdict = tuple[Tensor, list[Tensor]]
"""Flattened output ``(B, n)`` and all feature maps, the output included."""


class ScaleDiscriminator(nn.Module):
    """Grouped convolutions on the wave itself."""

    def __init__(self) -> None:
        super().__init__()
        shapes = [(1, 16, 15, 1, 1), (16, 64, 41, 4, 4), (64, 256, 41, 4, 16), (256, 1024, 41, 4, 64)]
        shapes += [(1024, 1024, 41, 4, 256), (1024, 1024, 5, 1, 1)]
        self.convs = nn.ModuleList(
            NormedConv1d(inputs, outputs, kernel, stride, kernel // 2, groups=groups)
            for inputs, outputs, kernel, stride, groups in shapes
        )
        self.conv_post = NormedConv1d(1024, 1, 3, padding=1)

    def forward(self, wave: Tensor) -> Verdict:
        """Wave ``(B, 1, L)``."""
        return _judged(self.convs, self.conv_post, wave)


class PeriodDiscriminator(nn.Module):
    """Convolutions along every ``period``-th sample."""

    def __init__(self, period: int) -> None:
        super().__init__()
        self.period = period
        widths = (1, 32, 128, 512, 1024, 1024)
        self.convs = nn.ModuleList(
            NormedConv2d(inputs, outputs, (5, 1), (3 if index < 4 else 1, 1), (2, 0))
            for index, (inputs, outputs) in enumerate(pairwise(widths))
        )
        self.conv_post = NormedConv2d(1024, 1, (3, 1), (1, 1), (1, 0))

    def forward(self, wave: Tensor) -> Verdict:
        """Wave ``(B, 1, L)``, reflected at the end up to a multiple of the period."""
        missing = -wave.shape[2] % self.period
        if missing:
            wave = F.pad(wave, (0, missing), "reflect")
        plane = wave.view(wave.shape[0], 1, wave.shape[2] // self.period, self.period)
        return _judged(self.convs, self.conv_post, plane)


def _judged(convolutions: nn.ModuleList, last: nn.Module, x: Tensor) -> Verdict:
    features = []
    for convolution in convolutions:
        x = F.leaky_relu(convolution(x), SLOPE)
        features.append(x)
    x = last(x)
    return x.flatten(1), [*features, x]


class Discriminator(nn.Module):
    """All discriminators; v2Pro and v2ProPlus have two more periods."""

    def __init__(self, periods: tuple[int, ...] = V2_PERIODS) -> None:
        super().__init__()
        self.discriminators = nn.ModuleList([ScaleDiscriminator(), *(PeriodDiscriminator(p) for p in periods)])

    @classmethod
    def for_config(cls, config: S2Config) -> Discriminator:
        """The discriminator that belongs to a stage-2 version."""
        return cls(PRO_PERIODS if config.speaker_verified else V2_PERIODS)

    def forward(self, wave: Tensor) -> list[Verdict]:
        """The verdict of each on ``wave (B, 1, L)``."""
        return [judge(wave) for judge in self.discriminators]
