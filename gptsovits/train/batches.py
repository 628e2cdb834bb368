"""Clips to batches of both stages: what is dropped, buckets of like length, padding; the same for the same epoch."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from gptsovits.arch.s1_loss import S1Batch
from gptsovits.arch.s2 import S2Batch
from gptsovits.audio.dsp import spectrogram
from gptsovits.config import SpectrogramConfig
from gptsovits.errors import BrokenVoice
from gptsovits.train.clips import TOKEN_RATE, TrainingClip, repeated

MAX_SECONDS = 54
PHONES_PER_SECOND = (3, 25)
SHORTEST_SECONDS = 0.6
S2_BOUNDARIES = (32, *range(300, 2000, 100))
S2_SEED = 1234
S1_BUCKET_SECONDS = 2


def stage1_items(clips: Sequence[TrainingClip]) -> list[TrainingClip]:
    """Without clips that are too long or whose text cannot be what is said."""
    return repeated(_some([clip for clip in clips if _speakable(clip)], "stage 1"))


def _speakable(clip: TrainingClip) -> bool:
    tokens, phones = len(clip.codes), len(clip.phones)
    slowest, fastest = PHONES_PER_SECOND
    in_time = slowest <= phones / max(tokens / TOKEN_RATE, 1e-9) <= fastest
    return tokens <= MAX_SECONDS * TOKEN_RATE and phones <= MAX_SECONDS * TOKEN_RATE / 2.5 and in_time


def stage1_batches(items: Sequence[TrainingClip], size: int, epoch: int, bert_dim: int) -> Iterator[S1Batch]:
    """Buckets of two seconds, shuffled by the number of the epoch."""
    size = max(min(size, len(items) // 4), 1)
    order = list(items)
    random.Random(epoch).shuffle(order)
    buckets: dict[int, list[TrainingClip]] = defaultdict(list)
    for clip in order:
        buckets[len(clip.codes) // (S1_BUCKET_SECONDS * TOKEN_RATE)].append(clip)
    batches = [rows[first : first + size] for rows in buckets.values() for first in range(0, len(rows), size)]
    random.Random(epoch).shuffle(batches)
    return (stage1_batch(rows, bert_dim) for rows in batches)


def stage1_batch(rows: Sequence[TrainingClip], bert_dim: int) -> S1Batch:
    """Right-padded."""
    phones = [torch.from_numpy(clip.phones) for clip in rows]
    codes = [torch.from_numpy(clip.codes) for clip in rows]
    bert = None
    if bert_dim:
        bert = torch.zeros(len(rows), bert_dim, max(map(len, phones)))
        for row, clip in enumerate(rows):
            if clip.bert is not None:
                bert[row, :, : clip.bert.shape[1]] = torch.from_numpy(clip.bert)
    return S1Batch(
        pad_sequence(phones, batch_first=True), _lengths(phones), bert, pad_sequence(codes, batch_first=True),
        _lengths(codes),
    )  # fmt: skip


def stage2_items(clips: Sequence[TrainingClip], config: SpectrogramConfig) -> list[TrainingClip]:
    """Clips of 0.6 to 54 s that are neither shorter than a crop nor longer than the last bucket."""
    rate, hop = config.sampling_rate, config.hop_length
    fitting = [
        clip for clip in clips
        if SHORTEST_SECONDS < len(clip.wave) / rate < MAX_SECONDS
        and S2_BOUNDARIES[0] < len(clip.wave) // hop <= S2_BOUNDARIES[-1]
    ]  # fmt: skip
    return repeated(_some(fitting, "stage 2"))


def stage2_batches(
    items: Sequence[TrainingClip], size: int, epoch: int, config: SpectrogramConfig
) -> Iterator[S2Batch]:
    """Batches stay inside a bucket of frames; a bucket that does not divide is filled by repetition."""
    source = random.Random(S2_SEED + epoch)
    buckets: dict[int, list[TrainingClip]] = defaultdict(list)
    for clip in items:
        buckets[int(np.searchsorted(S2_BOUNDARIES, len(clip.wave) // config.hop_length))].append(clip)
    batches = []
    for rows in buckets.values():
        source.shuffle(rows)
        filled = rows + [rows[place % len(rows)] for place in range(-len(rows) % size)]
        batches += [filled[first : first + size] for first in range(0, len(filled), size)]
    source.shuffle(batches)
    return (stage2_batch(rows, config) for rows in batches)


def stage2_batch(rows: Sequence[TrainingClip], config: SpectrogramConfig) -> S2Batch:
    """Longest first; content and spectrogram padded to the same even length."""
    frames = {clip.name: len(clip.wave) // config.hop_length for clip in rows}
    ordered = sorted(rows, key=lambda clip: -frames[clip.name])
    longest = 2 * (frames[ordered[0].name] // 2 + 1)
    spec, ssl = torch.zeros(len(rows), config.bins, longest), torch.zeros(len(rows), len(rows[0].ssl), longest)
    wave = torch.zeros(len(rows), 1, longest * config.hop_length)
    for row, clip in enumerate(ordered):
        count = frames[clip.name]
        samples = clip.wave[: count * config.hop_length]
        wave[row, 0, : len(samples)] = torch.from_numpy(samples)
        spec[row, :, :count] = torch.from_numpy(spectrogram(samples, config))
        ssl[row, :, :count] = torch.from_numpy(matched(clip.ssl, count))
    phones = [torch.from_numpy(clip.phones) for clip in ordered]
    speakers = [torch.from_numpy(clip.speaker[0]) for clip in ordered if clip.speaker is not None]
    return S2Batch(
        ssl, spec, torch.tensor([frames[clip.name] for clip in ordered]), pad_sequence(phones, batch_first=True),
        _lengths(phones), wave, torch.stack(speakers) if speakers else None,
    )  # fmt: skip


def matched(ssl: np.ndarray, frames: int) -> np.ndarray:
    """Content ``(C, T)`` at exactly ``frames``: the last frame is repeated where the encoder gave fewer."""
    missing = frames - ssl.shape[1]
    return np.pad(ssl, ((0, 0), (0, missing)), mode="edge") if missing > 0 else ssl[:, :frames]


def _lengths(rows: Sequence[Tensor]) -> Tensor:
    return torch.tensor([len(row) for row in rows])


def _some(clips: list[TrainingClip], stage: str) -> list[TrainingClip]:
    if not clips:
        raise BrokenVoice(f"No clip can be used for {stage}: give clips of 1 to 50 s with the words spoken in them.")
    return clips
