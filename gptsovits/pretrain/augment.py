"""Disturbances of log-mel pictures that change the voice and the room but not the words."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from gptsovits.nano.config import MEL_BANDS

_WARP = (0.87, 1.15)
_EQUALISER_NEPERS = 0.8
_NOISE_DECIBELS = (8.0, 45.0)
_ECHO_SHARE = 0.35
_BREAK_BAND = 15.0 / 45.25 * MEL_BANDS
_LOG_SLOPE = 45.25 / MEL_BANDS * math.log(6.4) / 27


def disturbed(mel: Tensor) -> Tensor:
    """Warped, equalised, noisy and echoing copy of ``mel (B, T, 80)``; drawn anew for each item."""
    mel = _echoed(_equalised(_warped(mel)))
    return _noisy(mel) * _uniform(mel, 0.88, 1.12)


def _uniform(mel: Tensor, low: float, high: float) -> Tensor:
    return torch.empty(mel.shape[0], 1, 1).uniform_(low, high)


def _warped(mel: Tensor) -> Tensor:
    """Moves formants: band b shows what lies at its frequency times a factor."""
    factor = _uniform(mel, *_WARP)[:, 0]
    band = torch.arange(MEL_BANDS, dtype=torch.float32)[None]
    linear = band < _BREAK_BAND
    moved = torch.where(linear, band * factor, band + factor.log() / _LOG_SLOPE).clamp(0, MEL_BANDS - 1.001)
    low = moved.floor()
    weight = (moved - low)[:, None]
    index = low.long()[:, None].expand(-1, mel.shape[1], -1)
    return mel.gather(2, index) * (1 - weight) + mel.gather(2, index + 1) * weight


def _equalised(mel: Tensor) -> Tensor:
    """Adds a smooth random curve over the bands."""
    position = torch.linspace(0, math.pi, MEL_BANDS)
    curves = torch.stack([torch.cos(order * position) for order in range(1, 6)])
    amounts = torch.randn(mel.shape[0], 1, 5) * _EQUALISER_NEPERS / torch.arange(1, 6).sqrt()
    return mel + amounts @ curves


def _echoed(mel: Tensor) -> Tensor:
    """Lets energy of earlier frames linger, for a share of the items."""
    loss = torch.empty(mel.shape[0], 1, 1).uniform_(0.6, 3.0)
    lingering = mel
    for step in range(1, 5):
        earlier = torch.nn.functional.pad(mel, (0, 0, step, 0), value=-10.0)[:, :-step]
        lingering = torch.logaddexp(lingering, earlier - 0.8 - loss * step * 0.5)
    chosen = torch.rand(mel.shape[0], 1, 1) < _ECHO_SHARE
    return torch.where(chosen, lingering, mel)


def _noisy(mel: Tensor) -> Tensor:
    """Adds stationary noise with a random tilt at a random distance below the mean of the louder half."""
    loud = mel.mean(2).quantile(0.8, dim=1)[:, None, None]
    ratio = _uniform(mel, *_NOISE_DECIBELS) * math.log(10) / 20
    tilt = torch.randn(mel.shape[0], 1, 1) * torch.linspace(-1, 1, MEL_BANDS)
    return torch.logaddexp(mel, loud - ratio + tilt + 0.25 * torch.randn_like(mel))
