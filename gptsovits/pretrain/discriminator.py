"""Small critics of the vocoder: one per spectral resolution, on log-magnitude pictures of short windows."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

RESOLUTIONS = (256, 512, 1024)
_CHANNELS = 16


def log_magnitude(wave: Tensor, size: int) -> Tensor:
    """Log magnitudes ``(B, T, bins)`` of ``wave (B, L)`` with a window of ``size`` and a hop of a quarter."""
    window = torch.hann_window(size, device=wave.device)
    spectrum = torch.stft(wave, size, size // 4, window=window, return_complex=True)
    return (spectrum.real.square() + spectrum.imag.square() + 1e-6).sqrt().log().transpose(1, 2)


class PictureCritic(nn.Module):
    """Convolutions over time and frequency of one resolution."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        width = _CHANNELS
        self.layers = nn.ModuleList(
            [
                nn.Conv2d(1, width, (3, 9), stride=(1, 3), padding=(1, 4)),
                nn.Conv2d(width, width, (3, 7), stride=(2, 3), padding=(1, 3)),
                nn.Conv2d(width, 2 * width, (3, 7), stride=(2, 3), padding=(1, 3)),
                nn.Conv2d(2 * width, 2 * width, (3, 3), padding=(1, 1)),
            ]
        )
        self.leave = nn.Conv2d(2 * width, 1, (3, 3), padding=(1, 1))

    def forward(self, wave: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Score map (high: real) and the features of every layer."""
        x = log_magnitude(wave, self.size)[:, None] * 0.3
        features = []
        for layer in self.layers:
            x = F.leaky_relu(layer(x), 0.1)
            features.append(x)
        return self.leave(x), features


class Critics(nn.Module):
    """One critic per resolution."""

    def __init__(self) -> None:
        super().__init__()
        self.critics = nn.ModuleList(PictureCritic(size) for size in RESOLUTIONS)

    def forward(self, wave: Tensor) -> list[tuple[Tensor, list[Tensor]]]:
        """Scores and features of all resolutions."""
        return [critic(wave) for critic in self.critics]


def critic_loss(real: list[tuple[Tensor, list[Tensor]]], fake: list[tuple[Tensor, list[Tensor]]]) -> Tensor:
    """Hinge loss of the critics."""
    parts = [F.relu(1 - r).mean() + F.relu(1 + f).mean() for (r, _), (f, _) in zip(real, fake, strict=True)]
    return torch.stack(parts).mean()


def deception_loss(
    real: list[tuple[Tensor, list[Tensor]]], fake: list[tuple[Tensor, list[Tensor]]]
) -> tuple[Tensor, Tensor]:
    """What the vocoder pays: being found out, and distance of features."""
    score = torch.stack([-f.mean() for f, _ in fake]).mean()
    pairs = [(a.detach(), b) for (_, r), (_, f) in zip(real, fake, strict=True) for a, b in zip(r, f, strict=True)]
    feature = torch.stack([F.l1_loss(b, a) / (a.abs().mean() + 1e-4) for a, b in pairs]).mean()
    return score, feature
