"""Stage 2: semantic tokens, phones and a timbre vector to the wave (v2, v2Pro and v2ProPlus)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gptsovits.arch.flow import Flow
from gptsovits.arch.generator import Generator
from gptsovits.arch.masking import length_mask, masked
from gptsovits.arch.posterior import PosteriorEncoder
from gptsovits.arch.quantizer import Quantizer
from gptsovits.arch.style import StyleEncoder
from gptsovits.arch.text_encoder import Prior, TextEncoder, frames_at_speed
from gptsovits.config import S2Config

WAVENET_KERNEL = 5


@dataclass(frozen=True)
class S2Batch:
    """Right-padded clips with lengths ``(B,)``.

    ssl ``(B, ssl_dim, T)``, spectrogram ``(B, bins, T)``, phones ``(B, N)``, wave ``(B, 1, L)``, and the speaker
    embedding ``(B, sv_dim)`` of the Pro versions.
    """

    ssl: Tensor
    spec: Tensor
    spec_lengths: Tensor
    phones: Tensor
    phone_lengths: Tensor
    wave: Tensor
    speaker: Tensor | None = None


@dataclass(frozen=True)
class TrainingOutput:
    """What the losses need; ``start (B,)`` is the first frame of each crop, ``wave (B, 1, segment)``."""

    wave: Tensor
    commitment: Tensor
    start: Tensor
    mask: Tensor
    z: Tensor
    z_p: Tensor
    prior: Prior
    mean_q: Tensor
    log_deviation_q: Tensor


class Synthesizer(nn.Module):
    """The whole of stage 2; ``posterior=False`` leaves out ``enc_q``, as distributed voices do."""

    def __init__(self, config: S2Config, posterior: bool = True) -> None:
        super().__init__()
        self.config = config
        self.enc_p = TextEncoder(config)
        self.dec = Generator(config)
        if posterior:
            self.enc_q = PosteriorEncoder(
                config.spectrogram.bins, config.inter_channels, config.hidden_channels, WAVENET_KERNEL,
                config.enc_q_layers, config.gin_channels,
            )  # fmt: skip
        self.flow = Flow(
            config.inter_channels, config.hidden_channels, WAVENET_KERNEL, config.flow_wn_layers,
            config.flow_n_flows, config.gin_channels,
        )  # fmt: skip
        self.ref_enc = StyleEncoder(config.ref_enc_in, config.ref_enc_hidden, config.gin_channels)
        self.ssl_proj = nn.Conv1d(config.ssl_dim, config.ssl_dim, 2, stride=2)
        self.quantizer = Quantizer(config.codebook_size, config.ssl_dim)
        if config.speaker_verified:
            self.sv_emb = nn.Linear(config.sv_dim, config.gin_channels)
            self.ge_to512 = nn.Linear(config.gin_channels, config.mrte_hidden)
            self.prelu = nn.PReLU(config.gin_channels)
        if config.freeze_quantizer:
            self.ssl_proj.requires_grad_(False)

    def train(self, mode: bool = True) -> Synthesizer:
        """A frozen quantiser never learns: it stays in eval mode."""
        super().train(mode)
        if self.config.freeze_quantizer:
            self.quantizer.eval()
        return self

    def timbre(self, spec: Tensor, mask: Tensor | None = None, speaker: Tensor | None = None) -> Tensor:
        """Reference spectrogram ``(B, bins, T)`` (and speaker embedding ``(B, sv_dim)``) -> ``(B, G, 1)``."""
        ge: Tensor = self.ref_enc(masked(spec[:, : self.config.ref_enc_in], mask), mask)
        if not self.config.speaker_verified:
            return ge
        if speaker is None:
            raise ValueError(f"a {self.config.version} voice needs the speaker embedding of the reference")
        joined: Tensor = self.prelu(ge + self.sv_emb(speaker).unsqueeze(-1))
        return joined

    def text_timbre(self, ge: Tensor) -> Tensor:
        """The timbre as the text encoder takes it: ``(B, mrte_hidden, 1)``."""
        return self.ge_to512(ge.transpose(1, 2)).transpose(1, 2) if self.config.speaker_verified else ge

    def extract_latent(self, ssl: Tensor) -> Tensor:
        """Content features ``(B, ssl_dim, T)`` -> tokens ``(B, 1, T // 2)``."""
        return self.quantizer.encode(self.ssl_proj(ssl)).transpose(0, 1)

    def content(self, codes: Tensor) -> Tensor:
        """Tokens ``(1, B, T)`` -> codebook rows, every one twice: ``(B, ssl_dim, 2T)``."""
        return self.quantizer.decode(codes).repeat_interleave(2, dim=2)

    def prior(self, codes: Tensor, phones: Tensor, ge: Tensor, speed: float = 1.0) -> Prior:
        """Prior of one utterance without padding; codes ``(1, 1, T)``, phones ``(1, N)``."""
        prior: Prior = self.enc_p(self.content(codes), None, phones, None, self.text_timbre(ge), speed)
        return prior

    def render(self, prior: Prior, ge: Tensor, noise: Tensor, noise_scale: float | Tensor) -> Tensor:
        """Prior and unit-normal ``noise`` -> wave ``(B, 1, frames * hop)``."""
        z_p = prior.mean + noise * torch.exp(prior.log_deviation) * noise_scale
        z = self.flow.inverse(z_p, prior.mask, ge)
        wave: Tensor = self.dec(masked(z, prior.mask), ge)
        return wave

    def mean_timbre(self, references: Sequence[Tensor], speakers: Sequence[Tensor] | None = None) -> Tensor:
        """Arithmetic mean of the timbre of several references, each ``(1, bins, T_i)``."""
        chosen: Sequence[Tensor | None] = speakers or [None] * len(references)
        vectors = [self.timbre(spec, None, speaker) for spec, speaker in zip(references, chosen, strict=True)]
        return torch.stack(vectors).mean(0)

    def decode(
        self,
        codes: Tensor,
        phones: Tensor,
        ge: Tensor,
        noise_scale: float = 0.5,
        speed: float = 1.0,
        noise: Tensor | None = None,
    ) -> Tensor:
        """Tokens ``(1, 1, T)``, phones ``(1, N)``, timbre ``(1, G, 1)`` -> wave ``(1, 1, L)``.

        ``noise (1, inter_channels, frames)`` makes it repeatable.
        """
        prior = self.prior(codes, phones, ge, speed)
        chosen = torch.randn_like(prior.mean) if noise is None else noise
        return self.render(prior, ge, chosen, noise_scale)

    def decode_streaming(
        self,
        codes: Tensor,
        phones: Tensor,
        ge: Tensor,
        noise: Tensor,
        noise_scale: float = 0.5,
        speed: float = 1.0,
        result_length: int | None = None,
        overlap: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Decodes the last ``result_length`` tokens of ``codes``, faded in from ``overlap (1, hidden, L)``.

        Returns the wave and the latent before the change of speed, whose tail is the next chunk's ``overlap``.
        """
        latent = self.enc_p.content_latent(self.content(codes), None, phones, None, self.text_timbre(ge))
        if result_length is not None:
            latent = latent[:, :, -2 * result_length :]
        if overlap is not None:
            latent = cross_faded(latent, overlap)
        frames = frames_at_speed(latent.shape[2], speed)
        prior = self.enc_p.prior(latent, None, None if speed == 1.0 else frames)
        return self.render(prior, ge, noise, noise_scale), latent

    def forward(self, batch: S2Batch, noise: Tensor, crop: Tensor) -> TrainingOutput:
        """Training forward; ``noise (B, C, T)`` unit normal for the posterior, ``crop (B,)`` uniform in [0, 1)."""
        mask = length_mask(batch.spec_lengths, batch.spec.shape[2])
        text_mask = length_mask(batch.phone_lengths, batch.phones.shape[1])
        ge = self.timbre(batch.spec, mask, batch.speaker)
        # Never in half precision: the tokens must be those of every other voice of the base.
        with torch.autocast(batch.ssl.device.type, enabled=False):
            quantized = self.quantizer(self.ssl_proj(batch.ssl))
        content = quantized.values.repeat_interleave(2, dim=2)
        prior = self.enc_p(content, mask, batch.phones, text_mask, self.text_timbre(ge))
        z, mean_q, log_deviation_q = self.enc_q(batch.spec, mask, ge, noise)
        z_p = self.flow(z, mask, ge)
        frames = self.config.segment_size // self.config.spectrogram.hop_length
        start = (crop * (batch.spec_lengths - frames + 1)).long()
        wave = self.dec(crops(z, start, frames), ge)
        return TrainingOutput(wave, quantized.commitment, start, mask, z, z_p, prior, mean_q, log_deviation_q)


def crops(x: Tensor, start: Tensor, length: int) -> Tensor:
    """``x (B, C, T)`` cut to ``length`` from each item's ``start (B,)``."""
    return torch.stack([item[:, first : first + length] for item, first in zip(x, start.tolist(), strict=True)])


def cross_faded(latent: Tensor, overlap: Tensor) -> Tensor:
    """Fades from ``overlap (1, C, L)`` into the first L frames of ``latent`` with a sine window."""
    length = overlap.shape[2]
    window = torch.sin(math.pi * torch.arange(2 * length, device=latent.device, dtype=latent.dtype) / (2 * length))
    head = window[:length] * latent[:, :, :length] + window[length:] * overlap
    return torch.cat((head, latent[:, :, length:]), 2)
