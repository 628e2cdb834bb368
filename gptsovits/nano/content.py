"""The content encoder: what is said, not who says it, at 50 frames a second."""

from __future__ import annotations

from torch import Tensor, nn

from gptsovits.nano.blocks import ConvStack
from gptsovits.nano.config import MEL_BANDS, NanoConfig
from gptsovits.nano.spectral import LogMel, Spectrogram


def levelled(mel: Tensor) -> Tensor:
    """Log-mel ``(B, bands, T)`` without its mean level, so that the recording gain does not matter."""
    return mel - mel.mean(dim=(1, 2), keepdim=True)


class ContentEncoder(nn.Module):
    """Log-mel frames to content features; trained to tell phones apart whoever speaks."""

    def __init__(self, config: NanoConfig) -> None:
        super().__init__()
        dim = config.content_dim
        self.spectrogram = Spectrogram()
        self.log_mel = LogMel()
        self.enter = nn.Conv1d(MEL_BANDS, dim, 6, stride=2, padding=2)
        self.stack = ConvStack(dim, config.content_layers, kernel=9)
        self.norm = nn.LayerNorm(dim)

    def from_mel(self, mel: Tensor) -> Tensor:
        """Log-mel ``(B, 80, T100)`` -> features ``(B, C, T100 // 2)``."""
        x = self.enter(levelled(mel) * 0.5)
        features: Tensor = self.norm(self.stack(x.transpose(1, 2)))
        return features.transpose(1, 2)

    def forward(self, wave: Tensor) -> Tensor:
        """Wave ``(B, L)`` at 16 kHz, any gain -> features ``(B, C, L // 320)``."""
        return self.from_mel(self.log_mel(self.spectrogram(wave)))
