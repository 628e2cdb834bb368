"""Stage 2 of the nano family, with the interfaces of the published one."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from gptsovits.nano.acoustic import AcousticModel, Picture, ReferenceEncoder
from gptsovits.nano.config import NanoConfig
from gptsovits.nano.phones import TOKEN_COUNT, classes_of_ids
from gptsovits.nano.quantiser import TokenQuantiser
from gptsovits.nano.spectral import LogMel
from gptsovits.nano.vocoder import Vocoder, smooth_voicing

NOISE_CHANNELS = 320
"""Noise comes as (1, 320, 2T): 320 samples for each of the two 50 Hz frames of a token."""
NOMINAL_NOISE_SCALE = 0.5
"""The noise scale at which the breath of the voice has the level of the training speech."""


class NanoSynthesizer(nn.Module):
    """Content features to tokens, reference to timbre, and tokens with phones and timbre to a wave."""

    def __init__(self, config: NanoConfig) -> None:
        super().__init__()
        self.config = config
        self.log_mel = LogMel()
        self.ref_enc = ReferenceEncoder(config)
        self.ssl_proj = nn.Conv1d(config.content_dim, config.content_dim, 2, stride=2)
        self.quantizer = TokenQuantiser(config.codebook_size, config.content_dim)
        self.enc_p = AcousticModel(config)
        self.dec = Vocoder(config)

    def token_classes(self) -> NDArray[np.int64] | None:
        """Token class of every phone id, if the tokens of this network tell their phone."""
        return classes_of_ids(self.config.n_symbols) if self.config.codebook_size == TOKEN_COUNT else None

    def quantise(self, features: Tensor) -> Tensor:
        """Content features ``(B, C, T50)`` -> tokens ``(B, T50 // 2)``."""
        return self.quantizer.encode(self.ssl_proj(features).transpose(1, 2))

    def style(self, spectrogram: Tensor) -> Tensor:
        """Reference magnitudes ``(B, 257, T100)`` -> timbre ``(B, G, 1)``."""
        timbre: Tensor = self.ref_enc(self.log_mel(spectrogram))
        return timbre

    def picture(self, codes: Tensor, phones: Tensor, ge: Tensor) -> Picture:
        """The acoustic picture of tokens ``(B, T)``."""
        picture: Picture = self.enc_p(self.quantizer.decode(codes), phones, ge)
        return picture

    def decode(self, codes: Tensor, phones: Tensor, ge: Tensor, noise: Tensor, noise_scale: Tensor) -> Tensor:
        """Tokens ``(1, T)``, phones ``(1, N)``, timbre, noise ``(1, 320, S)`` and its scale -> wave ``(1, 1, 320 S)``.

        The length of the noise sets the speed: S = 2T is natural, fewer frames are faster; the pitch stays.
        """
        picture = self.picture(codes, phones, ge)
        hertz = smooth_voicing(picture.pitch, picture.voicing)
        shown = _frame_index(picture.mel, 2 * noise.shape[2])
        breath = noise.transpose(1, 2).reshape(noise.shape[0], -1) * (noise_scale / NOMINAL_NOISE_SCALE)
        wave: Tensor = self.dec(picture.mel[:, shown], hertz[:, shown], breath)
        return wave[:, None]


def _frame_index(mel: Tensor, frames: int) -> Tensor:
    """Which frame of the picture ``(B, T, 80)`` each of ``frames`` output frames shows."""
    counted = torch.arange(frames, device=mel.device, dtype=torch.float32)
    return torch.floor((counted + 0.5) * (mel.shape[1] / frames)).to(torch.int64).clamp(max=mel.shape[1] - 1)
