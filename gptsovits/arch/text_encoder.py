"""Prior encoder: quantised content and phones -> mean and log deviation of the prior (``enc_p``)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gptsovits.arch.encoders import Encoder
from gptsovits.arch.masking import masked
from gptsovits.arch.mrte import Mrte
from gptsovits.config import S2Config


@dataclass(frozen=True)
class Prior:
    """``mean`` and ``log_deviation (B, C, T)`` with the mask of their frames."""

    mean: Tensor
    log_deviation: Tensor
    mask: Tensor | None


class TextEncoder(nn.Module):
    """Content ``(B, ssl_dim, T)`` at 50 Hz, phones ``(B, N)`` and timbre ``(B, mrte_hidden, 1)`` -> prior."""

    def __init__(self, config: S2Config) -> None:
        super().__init__()
        self.ssl_proj = nn.Conv1d(config.ssl_dim, config.hidden_channels, 1)
        self.encoder_ssl = _encoder(config, config.n_layers // 2)
        self.encoder_text = _encoder(config, config.n_layers)
        self.text_embedding = nn.Embedding(config.n_symbols, config.hidden_channels)
        self.mrte = Mrte(config.hidden_channels, config.mrte_hidden, config.mrte_heads)
        self.encoder2 = _encoder(config, config.n_layers // 2)
        self.proj = nn.Conv1d(config.hidden_channels, 2 * config.inter_channels, 1)

    def content_latent(
        self, content: Tensor, mask: Tensor | None, phones: Tensor, text_mask: Tensor | None, timbre: Tensor
    ) -> Tensor:
        """Everything before the change of speed: ``(B, hidden, T)``."""
        y = masked(self.ssl_proj(masked(content, mask)), mask)
        y = self.encoder_ssl(y, mask)
        text = self.encoder_text(self.text_embedding(phones).transpose(1, 2), text_mask)
        latent: Tensor = self.encoder2(self.mrte(y, mask, text, text_mask, timbre), mask)
        return latent

    def prior(self, latent: Tensor, mask: Tensor | None, frames: int | None = None) -> Prior:
        """Mean and deviation, after stretching to ``frames`` where given."""
        if frames is not None:
            latent = stretch(latent, frames)
            mask = None if mask is None else nn.functional.interpolate(mask, size=frames, mode="nearest")
        mean, log_deviation = masked(self.proj(latent), mask).chunk(2, dim=1)
        return Prior(mean, log_deviation, mask)

    def forward(
        self,
        content: Tensor,
        mask: Tensor | None,
        phones: Tensor,
        text_mask: Tensor | None,
        timbre: Tensor,
        speed: float = 1.0,
    ) -> Prior:
        """The prior at ``speed``."""
        latent = self.content_latent(content, mask, phones, text_mask, timbre)
        return self.prior(latent, mask, None if speed == 1.0 else frames_at_speed(latent.shape[2], speed))


def _encoder(config: S2Config, layers: int) -> Encoder:
    return Encoder(
        config.hidden_channels, config.filter_channels, config.n_heads, layers, config.kernel_size, config.p_dropout
    )


def frames_at_speed(frames: int, speed: float) -> int:
    """Number of frames after the change of speed; unchanged at 1."""
    return frames if speed == 1.0 else int(frames / speed) + 1


def stretch(x: Tensor, frames: int) -> Tensor:
    """Linear interpolation of ``(B, C, T)`` to ``frames``, frame centres aligned."""
    return stretched(x, frames, x.shape[2] / frames)


def stretched(x: Tensor, frames: int, step: float | Tensor, first: int | Tensor = 0) -> Tensor:
    """``frames`` frames of ``x (B, C, T)`` from ``first`` on, read at every ``step``; written out to be exportable."""
    length = x.shape[2]
    centre = torch.arange(frames, device=x.device, dtype=x.dtype) + 0.5 + first
    source = (centre * step - 0.5).clamp_min(0)
    left = source.long().clamp_max(length - 1)
    right = (left + 1).clamp_max(length - 1)
    weight = source - left
    return x.index_select(2, left) * (1 - weight) + x.index_select(2, right) * weight
