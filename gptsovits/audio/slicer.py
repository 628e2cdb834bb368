"""Cutting a recording at its silences into clips of a few seconds, exactly as the original slicer does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class SlicerOptions:
    """``threshold`` in dB of full scale, lengths in milliseconds."""

    threshold: float = -34.0
    min_length: int = 4000
    min_interval: int = 300
    hop_size: int = 10
    max_sil_kept: int = 500


@dataclass(frozen=True)
class Clip:
    """Samples ``start`` up to, not including, ``end`` of the recording."""

    start: int
    end: int


@dataclass(frozen=True)
class _Frames:
    """The options in hops."""

    min_length: int
    min_interval: int
    kept: int


def slice_recording(wave: Floats, sample_rate: int, options: SlicerOptions | None = None) -> list[Clip]:
    """Clips of a mono wave ``(L,)`` in order; what is between them is silence."""
    chosen = options or SlicerOptions()
    hop = round(sample_rate * chosen.hop_size / 1000)
    interval = sample_rate * chosen.min_interval / 1000
    window = min(round(interval), 4 * hop)
    limits = _Frames(
        round(sample_rate * chosen.min_length / 1000 / hop),
        round(interval / hop),
        round(sample_rate * chosen.max_sil_kept / 1000 / hop),
    )
    if (len(wave) + hop - 1) // hop <= limits.min_length:
        return [Clip(0, len(wave))]
    loudness = frame_rms(wave, window, hop)
    cuts = _cuts(loudness, float(10 ** (chosen.threshold / 20)), limits)
    return _clips(cuts, len(loudness), hop, len(wave))


def frame_rms(wave: Floats, window: int, hop: int) -> NDArray[np.float32]:
    """Root mean square of ``window`` samples every ``hop``, the wave padded with zeros by half a window."""
    padded = np.pad(wave, window // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, window)[::hop]
    return np.asarray(np.sqrt(np.mean(np.abs(frames) ** 2, axis=-1)), np.float32)


def _cuts(loudness: NDArray[np.float32], threshold: float, limits: _Frames) -> list[tuple[int, int]]:
    """Removed spans of frames; an empty span is a plain cut."""
    cuts: list[tuple[int, int]] = []
    silence: int | None = None
    clip_start = 0
    for index, value in enumerate(loudness):
        if value < threshold:
            silence = index if silence is None else silence
            continue
        if silence is None:
            continue
        leading = silence == 0 and index > limits.kept
        middle = index - silence >= limits.min_interval and index - clip_start >= limits.min_length
        if leading or middle:
            cut = _cut(loudness, silence, index, limits.kept)
            cuts.append(cut)
            clip_start = cut[1]
        silence = None
    if silence is not None and len(loudness) - silence >= limits.min_interval:
        end = min(len(loudness), silence + limits.kept)
        quietest = _quietest(loudness, silence, end)
        cuts.append((quietest, len(loudness) + 1))
    return cuts


def _cut(loudness: NDArray[np.float32], start: int, end: int, kept: int) -> tuple[int, int]:
    """Where to cut a silent run; ``end`` is the first loud frame after it."""
    length = end - start
    if length <= kept:
        at = _quietest(loudness, start, end)
        return (0, at) if start == 0 else (at, at)
    left, right = _quietest(loudness, start, start + kept), _quietest(loudness, end - kept, end)
    if length <= 2 * kept:
        middle = _quietest(loudness, end - kept, start + kept)
        left, right = min(left, middle), max(right, middle)
    return (0, right) if start == 0 else (left, right)


def _quietest(loudness: NDArray[np.float32], first: int, last: int) -> int:
    """The quietest of the frames ``first`` to ``last``, both included."""
    return first + int(loudness[first : last + 1].argmin())


def _clips(cuts: list[tuple[int, int]], frames: int, hop: int, length: int) -> list[Clip]:
    if not cuts:
        return [Clip(0, length)]
    bounds = [0, *(edge for cut in cuts for edge in cut), frames]
    spans = zip(bounds[::2], bounds[1::2], strict=True)
    return [Clip(start * hop, min(end * hop, length)) for start, end in spans if start < end]
