"""The decoder head: first by spectral distances alone, then against small critics."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gptsovits.nano.config import FFT_SIZE, HOP, NanoConfig
from gptsovits.nano.spectral import mel_filters
from gptsovits.nano.vocoder import Vocoder
from gptsovits.pretrain.discriminator import Critics, critic_loss, deception_loss, log_magnitude
from gptsovits.pretrain.features import Corpus

CROP_FRAMES = 80
BATCH = 12
_WINDOWS = (160, 400, 1024)
_BLUR_SHARE = 0.4


def vocoder_modules(config: NanoConfig) -> nn.ModuleDict:
    """The network of this run."""
    return nn.ModuleDict({"dec": Vocoder(config)})


class SpectralDistance(nn.Module):
    """Log-magnitude and magnitude distance over several windows, and a fine mel distance."""

    filters: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("filters", mel_filters(FFT_SIZE + 1))

    def forward(self, made: Tensor, real: Tensor) -> Tensor:
        """Mean distance of ``made`` and ``real``, waves ``(B, L)``."""
        total = self._mel(made, real)
        for size in _WINDOWS:
            a, b = log_magnitude(made, size), log_magnitude(real, size)
            total = total + F.l1_loss(a, b) + (a.exp() - b.exp()).norm() / b.exp().norm()
        return total

    def _mel(self, made: Tensor, real: Tensor) -> Tensor:
        a, b = ((log_magnitude(wave, 2 * FFT_SIZE).exp() @ self.filters * 100 + 1e-2).log() for wave in (made, real))
        return 2 * F.l1_loss(a, b)


class VocoderTraining:
    """Draws crops and computes the losses; critics join at the share ``critics_from`` of the plan."""

    def __init__(self, modules: nn.ModuleDict, corpus: Corpus, seed: int, critics_from: float) -> None:
        self._vocoder: nn.Module = modules["dec"]
        self._corpus, self._critics_from = corpus, critics_from
        self._source = np.random.default_rng(seed)
        self._distance = SpectralDistance()
        self._critics = Critics()
        self._critics_optimiser = torch.optim.AdamW(self._critics.parameters(), 4e-4, betas=(0.8, 0.99))

    def refresh(self) -> None:
        """Takes up new shards."""
        self._corpus.refresh()

    def losses(self, progress: float) -> Mapping[str, Tensor]:
        """Losses of one batch."""
        mel, pitch, wave = self._batch()
        with torch.autocast("cpu", torch.bfloat16):
            made = self._vocoder(mel, pitch, torch.randn_like(wave))
        made = made.float()
        distance = self._distance(made, wave)
        if progress < self._critics_from:
            return {"total": distance, "distance": distance}
        return self._judged(made, wave, distance)

    def _judged(self, made: Tensor, wave: Tensor, distance: Tensor) -> Mapping[str, Tensor]:
        with torch.autocast("cpu", torch.bfloat16):
            verdict = critic_loss(self._critics(wave), self._critics(made.detach()))
        self._critics_optimiser.zero_grad(set_to_none=True)
        verdict.backward()  # type: ignore[no-untyped-call]
        self._critics_optimiser.step()
        with torch.autocast("cpu", torch.bfloat16):
            with torch.no_grad():
                real = self._critics(wave)
            score, feature = deception_loss(real, self._critics(made))
        total = distance + 0.5 * score.float() + 1.0 * feature.float()
        return {"total": total, "distance": distance, "critic": verdict, "feature": feature}

    def _batch(self) -> tuple[Tensor, Tensor, Tensor]:
        crops = self._corpus.crops(BATCH, CROP_FRAMES, self._source)
        mel = torch.stack([item.mel[at : at + CROP_FRAMES] for item, at in crops]).float()
        pitch = torch.stack([item.pitch[at : at + CROP_FRAMES] for item, at in crops])
        wave = torch.stack([item.wave[at * HOP : (at + CROP_FRAMES) * HOP] for item, at in crops])
        return blurred(mel), pitch, wave


def blurred(mel: Tensor) -> Tensor:
    """Smooths a share of the pictures over time and bands, as predicted pictures are smooth."""
    kernel = torch.tensor([0.25, 0.5, 0.25])
    smooth = F.conv2d(mel[:, None], (kernel[:, None] * kernel)[None, None], padding=1)[:, 0]
    amount = torch.rand(mel.shape[0], 1, 1) * (torch.rand(mel.shape[0], 1, 1) < _BLUR_SHARE)
    return mel + amount * (smooth - mel)
