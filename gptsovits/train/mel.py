"""Spectrogram and mel bands in torch, for losses; the formulas are those of :mod:`gptsovits.audio.dsp`."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gptsovits.audio.dsp import MAGNITUDE_FLOOR, MEL_FLOOR, mel_filters
from gptsovits.config import SpectrogramConfig


class MelFrontEnd(nn.Module):
    """Differentiable wave -> magnitudes -> log mel."""

    window: Tensor
    filters: Tensor

    def __init__(self, config: SpectrogramConfig) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("window", torch.hann_window(config.win_length), persistent=False)
        self.register_buffer("filters", torch.from_numpy(mel_filters(config)), persistent=False)

    def magnitudes(self, wave: Tensor) -> Tensor:
        """Wave ``(B, L)`` -> ``(B, bins, frames)``."""
        size, hop = self.config.filter_length, self.config.hop_length
        padded = F.pad(wave.unsqueeze(1), ((size - hop) // 2, (size - hop) // 2), "reflect").squeeze(1)
        spectrum = torch.stft(
            padded, size, hop, self.config.win_length, self.window, center=False, onesided=True, return_complex=True
        )
        return torch.sqrt(spectrum.real.square() + spectrum.imag.square() + MAGNITUDE_FLOOR)

    def log_mel(self, magnitudes: Tensor) -> Tensor:
        """Magnitudes ``(B, bins, T)`` -> ``(B, n_mel, T)``."""
        return torch.log((self.filters @ magnitudes).clamp_min(MEL_FLOOR))

    def forward(self, wave: Tensor) -> Tensor:
        """Wave ``(B, L)`` -> log mel ``(B, n_mel, frames)``."""
        return self.log_mel(self.magnitudes(wave))
