"""Short-time spectra as plain matrix products, so that they train, export to ONNX and run anywhere alike."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gptsovits.nano.config import FFT_SIZE, HOP, MEL_BANDS, SAMPLE_RATE, WINDOW

LOG_FLOOR = 1e-4


def fourier_basis(size: int) -> Tensor:
    """Real transform ``(size, 2 * bins)``: cosines, then negative sines, so that ``x @ basis`` is [real, imaginary]."""
    angles = 2 * math.pi * torch.outer(torch.arange(size), torch.arange(size // 2 + 1)).double() / size
    return torch.cat((angles.cos(), -angles.sin()), 1).float()


def inverse_fourier_basis(size: int) -> Tensor:
    """The inverse of :func:`fourier_basis`, ``(2 * bins, size)``."""
    weight = torch.full((size // 2 + 1, 1), 2.0)
    weight[0] = weight[-1] = 1.0
    return fourier_basis(size).T * torch.cat((weight, weight)) / size


def mel_filters(bins: int, bands: int = MEL_BANDS, rate: int = SAMPLE_RATE) -> Tensor:
    """Triangular filters ``(bins, bands)`` on Slaney's scale, each of unit area (Auditory Toolbox, 1998)."""
    edges = _mel_to_hertz(torch.linspace(0.0, _hertz_to_mel(rate / 2), bands + 2, dtype=torch.float64))
    hertz = torch.linspace(0.0, rate / 2, bins, dtype=torch.float64)[:, None]
    rising = (hertz - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - hertz) / (edges[2:] - edges[1:-1])
    triangles = torch.minimum(rising, falling).clamp_min(0)
    return (triangles * 2 / (edges[2:] - edges[:-2])).float()


_BREAK_HERTZ, _BREAK_MEL, _LOG_STEP = 1000.0, 15.0, math.log(6.4) / 27


def _hertz_to_mel(hertz: float) -> float:
    return _BREAK_MEL + math.log(hertz / _BREAK_HERTZ) / _LOG_STEP


def _mel_to_hertz(mel: Tensor) -> Tensor:
    return torch.where(mel < _BREAK_MEL, mel * _BREAK_HERTZ / 15, _BREAK_HERTZ * ((mel - _BREAK_MEL) * _LOG_STEP).exp())


class Spectrogram(nn.Module):
    """Magnitudes ``(B, 257, T)`` of waves ``(B, L)`` at 100 frames a second, reflected at the edges, T = L // 160."""

    basis: Tensor

    def __init__(self) -> None:
        super().__init__()
        window = torch.zeros(FFT_SIZE)
        start = (FFT_SIZE - WINDOW) // 2
        window[start : start + WINDOW] = torch.hann_window(WINDOW)
        self.register_buffer("basis", (fourier_basis(FFT_SIZE) * window[:, None]).T[:, None], persistent=False)

    def forward(self, wave: Tensor) -> Tensor:
        """Magnitude spectrogram; a 1e-8 under the root keeps the gradient finite."""
        edge = (FFT_SIZE - HOP) // 2
        padded = F.pad(wave[:, None], (edge, edge), mode="reflect")
        real, imaginary = F.conv1d(padded, self.basis, stride=HOP).chunk(2, dim=1)
        return (real.square() + imaginary.square() + 1e-8).sqrt()


class LogMel(nn.Module):
    """Natural-log mel bands ``(B, 80, T)`` of magnitude spectrograms ``(B, 257, T)``."""

    filters: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("filters", mel_filters(FFT_SIZE // 2 + 1), persistent=False)

    def forward(self, magnitudes: Tensor) -> Tensor:
        """Filters are of unit area, so the sum is scaled by 100 to lie near 1 for loud speech."""
        bands = torch.matmul(magnitudes.transpose(1, 2), self.filters).transpose(1, 2)
        return (bands * 100 + LOG_FLOOR * 10).log()


class FrameTransform(nn.Module):
    """Analysis and overlap-add synthesis on frames of four hops, with one Hann window on each side."""

    window: Tensor
    analysis_basis: Tensor
    synthesis_basis: Tensor

    def __init__(self, hop: int = HOP) -> None:
        super().__init__()
        self.hop = hop
        size = 4 * hop
        self.bins = size // 2 + 1
        window = torch.hann_window(size)[:, None]
        self.register_buffer("analysis_basis", fourier_basis(size) * window, persistent=False)
        # Four overlapping squared Hann windows sum to 1.5.
        self.register_buffer("synthesis_basis", inverse_fourier_basis(size) * window.T / 1.5, persistent=False)

    def analyse(self, wave: Tensor) -> tuple[Tensor, Tensor]:
        """Real and imaginary parts ``(B, T, bins)`` of ``wave (B, T * hop)``; frame t begins a hop before its block."""
        blocks = wave.view(wave.shape[0], -1, self.hop)
        padded = F.pad(blocks, (0, 0, 1, 2))
        length = blocks.shape[1]
        frames = torch.cat([padded[:, index : index + length] for index in range(4)], dim=-1)
        real, imaginary = (frames @ self.analysis_basis).chunk(2, dim=-1)
        return real, imaginary

    def synthesise(self, real: Tensor, imaginary: Tensor) -> Tensor:
        """The wave ``(B, T * hop)`` whose frames these spectra are."""
        frames = torch.cat((real, imaginary), -1) @ self.synthesis_basis
        pieces = frames.chunk(4, dim=-1)
        padded = [F.pad(piece, (0, 0, index, 3 - index)) for index, piece in enumerate(pieces)]
        summed = padded[0] + padded[1] + padded[2] + padded[3]
        return summed[:, 1:-2].flatten(1)
