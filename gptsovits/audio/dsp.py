"""Spectrograms and level of float32 mono waves, in numpy.

The linear spectrogram is the one of training: reflection padding by ``(n_fft - hop) / 2``, periodic Hann window,
one-sided magnitude with 1e-8 under the root. ``L = hop * k`` samples give exactly ``k`` frames.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gptsovits.config import SpectrogramConfig

Floats = NDArray[np.float32]
MAGNITUDE_FLOOR = 1e-8
MEL_FLOOR = 1e-5


def spectrogram(wave: Floats, config: SpectrogramConfig) -> Floats:
    """Wave ``(L,)`` in [-1, 1] -> magnitudes ``(bins, frames)``."""
    padding = (config.filter_length - config.hop_length) // 2
    if wave.ndim != 1 or len(wave) <= padding:
        raise ValueError(f"the wave must be mono and longer than {padding} samples")
    padded = np.pad(wave.astype(np.float64), padding, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, config.filter_length)[:: config.hop_length]
    spectrum = np.fft.rfft(frames * _centred_window(config), axis=-1)
    power = spectrum.real**2 + spectrum.imag**2
    return np.ascontiguousarray(np.sqrt(power + MAGNITUDE_FLOOR).T.astype(np.float32))


def _centred_window(config: SpectrogramConfig) -> NDArray[np.float64]:
    """The Hann window in the middle of a frame of ``filter_length`` samples."""
    left = (config.filter_length - config.win_length) // 2
    right = config.filter_length - config.win_length - left
    return np.pad(hann(config.win_length), (left, right))


def hann(length: int) -> NDArray[np.float64]:
    """Periodic Hann window."""
    return np.asarray(0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length))


def log_mel(magnitudes: Floats, config: SpectrogramConfig) -> Floats:
    """Magnitudes ``(..., bins, frames)`` -> natural-log mel bands ``(..., n_mel, frames)``."""
    bands: Floats = np.log(np.maximum(mel_filters(config) @ magnitudes, np.float32(MEL_FLOOR)))
    return bands


def mel_filters(config: SpectrogramConfig) -> Floats:
    """Triangular filters ``(n_mel, bins)`` on Slaney's scale, each of unit area (Slaney 1998, Auditory Toolbox)."""
    top = config.mel_fmax or config.sampling_rate / 2
    edges = _mel_to_hertz(np.linspace(_hertz_to_mel(config.mel_fmin), _hertz_to_mel(top), config.n_mel_channels + 2))
    bins = np.linspace(0, config.sampling_rate / 2, config.bins)
    rising = (bins[None] - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - bins[None]) / np.diff(edges)[1:, None]
    area = 2.0 / (edges[2:] - edges[:-2])
    return (np.maximum(0, np.minimum(rising, falling)) * area[:, None]).astype(np.float32)


_LINEAR_STEP = 200.0 / 3
_LOG_FROM_HERTZ = 1000.0
_LOG_FROM_MEL = _LOG_FROM_HERTZ / _LINEAR_STEP
_LOG_STEP = np.log(6.4) / 27.0


def _hertz_to_mel(hertz: float) -> float:
    if hertz < _LOG_FROM_HERTZ:
        return hertz / _LINEAR_STEP
    return float(_LOG_FROM_MEL + np.log(hertz / _LOG_FROM_HERTZ) / _LOG_STEP)


def _mel_to_hertz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    logarithmic = _LOG_FROM_HERTZ * np.exp(_LOG_STEP * (mel - _LOG_FROM_MEL))
    return np.where(mel < _LOG_FROM_MEL, mel * _LINEAR_STEP, logarithmic)


def reference_level(wave: Floats) -> Floats:
    """A timbre reference above full scale is divided by its peak, at most by 2."""
    peak = float(np.abs(wave).max(initial=0.0))
    return wave / np.float32(min(2.0, peak)) if peak > 1 else wave


def limited(wave: Floats) -> Floats:
    """A spoken piece above full scale is divided by its peak."""
    peak = float(np.abs(wave).max(initial=0.0))
    return wave / np.float32(peak) if peak > 1 else wave


def pcm16(wave: Floats) -> NDArray[np.int16]:
    """Float wave -> 16-bit samples; full scale is clipped where the original wraps around."""
    samples: NDArray[np.int16] = np.clip(wave * 32768.0, -32768, 32767).astype(np.int16)
    return samples
