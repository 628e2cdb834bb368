"""Convolutions with classic weight normalisation: parameters ``weight_g`` (length) and ``weight_v`` (direction).

The norm runs over all dimensions but the first, also for transposed convolutions, whose first one counts inputs.
After :meth:`Normed.fold` the layer holds the plain ``weight`` (for inference and export).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Normed(nn.Module):
    """Shared part: the weight as length times direction."""

    weight_g: nn.Parameter | None
    weight_v: nn.Parameter | None

    def __init__(self, shape: tuple[int, ...], outputs: int) -> None:
        super().__init__()
        direction = torch.empty(shape)
        nn.init.kaiming_uniform_(direction, a=5**0.5)
        length = direction.flatten(1).norm(dim=1).view(-1, *[1] * (len(shape) - 1))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.weight_g = nn.Parameter(length)
        self.weight_v = nn.Parameter(direction)
        self.folded: Tensor | None = None

    def effective_weight(self) -> Tensor:
        """``g * v / ||v||``."""
        if self.weight_g is None or self.weight_v is None:
            assert self.folded is not None
            return self.folded
        return torch._weight_norm(self.weight_v, self.weight_g, 0)

    def fold(self) -> None:
        """Replaces both parameters by their product."""
        weight = self.effective_weight().detach()
        self.weight_g = self.weight_v = None
        self.folded = weight


class NormedConv1d(Normed):
    """Weight-normalised convolution along time."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        stride: int = 1,
        padding: int = 0,
        dilation: int = 1,
        groups: int = 1,
    ) -> None:
        super().__init__((outputs, inputs // groups, kernel), outputs)
        self.stride, self.padding, self.dilation, self.groups = stride, padding, dilation, groups

    def forward(self, x: Tensor) -> Tensor:
        """``(B, inputs, T)`` -> ``(B, outputs, T')``."""
        return F.conv1d(
            x, self.effective_weight(), self.bias, self.stride, self.padding, self.dilation, self.groups
        )


class NormedConv2d(Normed):
    """Weight-normalised convolution of a plane."""

    def __init__(
        self, inputs: int, outputs: int, kernel: tuple[int, int], stride: tuple[int, int], padding: tuple[int, int]
    ) -> None:
        super().__init__((outputs, inputs, *kernel), outputs)
        self.stride, self.padding = stride, padding

    def forward(self, x: Tensor) -> Tensor:
        """``(B, inputs, H, W)`` -> ``(B, outputs, H', W')``."""
        return F.conv2d(x, self.effective_weight(), self.bias, self.stride, self.padding)


class NormedConvTranspose1d(Normed):
    """Weight-normalised transposed convolution; the weight is ``(inputs, outputs, kernel)``."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, padding: int) -> None:
        super().__init__((inputs, outputs, kernel), outputs)
        self.stride, self.padding = stride, padding

    def forward(self, x: Tensor) -> Tensor:
        """``(B, inputs, T)`` -> ``(B, outputs, stride * T)`` for the kernels in use."""
        return F.conv_transpose1d(x, self.effective_weight(), self.bias, self.stride, self.padding)


def fold_weight_norm(network: nn.Module) -> None:
    """Folds every weight-normalised layer of ``network`` in place."""
    for layer in network.modules():
        if isinstance(layer, Normed):
            layer.fold()
