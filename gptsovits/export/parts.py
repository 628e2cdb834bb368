"""The last stages of the generator on parts of the sound beside each other, so that several threads have work.

onnxruntime's fast convolutions share out rows of images and blocks of 64 channels. The last stages have fewer channels
than that and sound has one row: one thread would do all of it. The parts overlap by what the stages reach, so that
every sample is what it is in one piece.
"""

from __future__ import annotations

from math import ceil

import torch
from torch import Tensor, nn

from gptsovits.arch.generator import Generator
from gptsovits.config import S2Config

PARTS = 4
SHARED_CHANNELS = 64


class PartedGenerator(nn.Module):
    """As :class:`gptsovits.arch.generator.Generator`, for one sound at a time."""

    def __init__(self, whole: Generator, config: S2Config) -> None:
        super().__init__()
        self.whole = whole
        widths = [config.upsample_initial_channel >> (stage + 1) for stage in range(len(whole.ups))]
        self.first = next((stage for stage, width in enumerate(widths) if width <= SHARED_CHANNELS), len(widths))
        self.reach = reach(config, self.first)
        self.samples = 1
        for rate in config.upsample_rates[self.first :]:
            self.samples *= rate

    def forward(self, latent: Tensor, timbre: Tensor) -> Tensor:
        """Latent ``(1, C, T)``, timbre ``(1, G, 1)`` -> wave ``(1, 1, T * product of rates)``."""
        x = self.whole.raised(self.whole.begun(latent, timbre), range(self.first))
        length = torch._shape_as_tensor(x)[2]
        share = torch.div(length + PARTS - 1, PARTS, rounding_mode="floor") + 2 * self.reach
        width = torch.minimum(length, share)
        starts = [torch.div((length - width) * part, PARTS - 1, rounding_mode="floor") for part in range(PARTS)]
        parts = torch.cat([x[:, :, start : start + width] for start in starts])
        waves = self.whole.rendered(self.whole.raised(parts, range(self.first, len(self.whole.ups))))
        ends = [torch.minimum(start + self.reach, length) for start in starts[1:]] + [length]
        begins = [torch.zeros_like(length), *ends[:-1]]
        kept = [
            waves[part : part + 1, :, (begin - start) * self.samples : (end - start) * self.samples]
            for part, (start, begin, end) in enumerate(zip(starts, begins, ends, strict=True))
        ]
        return torch.cat(kept, 2)


def reach(config: S2Config, first: int) -> int:
    """How many frames before stage ``first`` a sample depends on, to either side."""
    shapes = zip(config.resblock_kernel_sizes, config.resblock_dilation_sizes, strict=True)
    second = config.resblock == "1"
    block = max((kernel - 1) // 2 * sum(dilation + second for dilation in dilations) for kernel, dilations in shapes)
    frames = 3  # of the convolution at the end
    stages = list(zip(config.upsample_rates, config.upsample_kernel_sizes, strict=True))
    for rate, kernel in reversed(stages[first:]):
        frames = ceil((frames + block) / rate) + ceil(kernel / rate)
    return frames
