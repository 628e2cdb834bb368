"""The decoder head: pulses and noise shaped by learned complex filters (source-filter with an inverse STFT)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gptsovits.nano.acoustic import PITCH_CENTRE
from gptsovits.nano.blocks import ConvStack
from gptsovits.nano.config import HOP, MEL_BANDS, SAMPLE_RATE, NanoConfig
from gptsovits.nano.spectral import FrameTransform


def pulses(hertz: Tensor) -> Tensor:
    """A band-limited pulse train of unit power: pitch ``(B, T)`` in Hz, 0 for none -> ``(B, T * 160)``.

    All harmonics below half the sampling rate are summed in closed form (Dirichlet kernel).
    """
    step = hertz / SAMPLE_RATE
    before = (step * HOP).cumsum(1) - step * HOP
    within = torch.arange(HOP, dtype=hertz.dtype, device=hertz.device)
    cycles = torch.remainder(before, 1.0)[:, :, None] + step[:, :, None] * within
    cycles = cycles - torch.floor(cycles + 0.5)
    count = torch.floor(0.5 * SAMPLE_RATE / hertz.clamp_min(20.0))[:, :, None]
    half = torch.sin(math.pi * cycles)
    safe = torch.where(half.abs() < 1e-4, torch.full_like(half, 1e-4), half)
    kernel = (torch.sin(math.pi * (2 * count + 1) * cycles) / safe - 1) / 2
    kernel = torch.where(half.abs() < 1e-4, count.expand_as(kernel), kernel)
    wave = kernel * (count / 2).rsqrt() * (hertz > 0)[:, :, None]
    return wave.flatten(1)


class Vocoder(nn.Module):
    """Picture and noise to wave; knows no speaker, so it serves every voice."""

    def __init__(self, config: NanoConfig) -> None:
        super().__init__()
        dim = config.dec_hidden
        self.transform = FrameTransform()
        self.enter = nn.Conv1d(MEL_BANDS + 2, dim, 7, padding=3)
        self.stack = ConvStack(dim, config.dec_layers)
        self.norm = nn.LayerNorm(dim)
        self.leave = nn.Linear(dim, 3 * self.transform.bins)
        nn.init.normal_(self.leave.weight, std=0.01)
        with torch.no_grad():
            self.leave.bias.zero_()
            self.leave.bias[: 2 * self.transform.bins] -= 4.0

    def forward(self, mel: Tensor, hertz: Tensor, noise: Tensor) -> Tensor:
        """``mel (B, T, 80)``, ``hertz (B, T)`` (0: unvoiced), unit noise ``(B, T * 160)`` -> wave of its length."""
        voiced = (hertz > 0).to(mel.dtype)
        pitch = (hertz.clamp_min(20.0).log() - PITCH_CENTRE) * voiced
        x = torch.cat((mel * 0.5 + 1.0, pitch[..., None], voiced[..., None]), -1)
        x = self.norm(self.stack(self.enter(x.transpose(1, 2)).transpose(1, 2)))
        tone, breath, angle = self.leave(x).chunk(3, dim=-1)
        tone, breath, angle = tone.clamp(max=6).exp(), breath.clamp(max=6).exp(), angle * 4
        real, imaginary = self.transform.analyse(pulses(hertz))
        noise_real, noise_imaginary = self.transform.analyse(noise)
        cosine, sine = tone * torch.cos(angle), tone * torch.sin(angle)
        out_real = real * cosine - imaginary * sine + noise_real * breath
        out_imaginary = real * sine + imaginary * cosine + noise_imaginary * breath
        return self.transform.synthesise(out_real, out_imaginary)


def smooth_voicing(pitch: Tensor, voicing: Tensor) -> Tensor:
    """Pitch in Hz ``(B, T)`` from log pitch and a voicing logit, 0 where unvoiced; kept within 40..700 Hz."""
    hertz = (pitch + PITCH_CENTRE).clamp(math.log(40.0), math.log(700.0)).exp()
    averaged = F.avg_pool1d(voicing[:, None], 3, stride=1, padding=1)[:, 0]
    return torch.where(averaged > 0, hertz, torch.zeros_like(hertz))
