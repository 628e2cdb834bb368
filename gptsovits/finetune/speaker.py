"""What the fine-tune learns from (clips of the speaker) and what it rehearses (the base's own replay set)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from gptsovits.finetune.align import Clip
from gptsovits.finetune.pitch import pitch_of
from gptsovits.nano.base import REPLAY_FILE, NanoBase
from gptsovits.nano.config import FRAMES_PER_TOKEN, HOP
from gptsovits.pretrain.features import Features, MelMaker, normalised
from gptsovits.pretrain.semantic import SpokenText
from gptsovits.text import phonemize

Rehearsal = tuple[SpokenText, Tensor]
"""A sentence of the replay set and its timbre ``(G, 1)``."""


def features_of_clips(clips: Sequence[Clip]) -> list[Features]:
    """Training features of clips with known words."""
    maker = MelMaker()
    return [_features(clip, maker) for clip in clips]


def _features(clip: Clip, maker: MelMaker) -> Features:
    wave = normalised(clip.wave)
    frames = len(wave) // HOP // FRAMES_PER_TOKEN * FRAMES_PER_TOKEN
    wave = wave[: frames * HOP]
    return Features(
        speaker=-1,
        text=clip.text,
        phones=torch.tensor(phonemize(clip.text, clip.language).ids),
        mel=maker(wave),
        pitch=torch.from_numpy(pitch_of(wave, frames)),
        classes=torch.zeros(frames, dtype=torch.int64),
        wave=torch.from_numpy(wave),
    )


@torch.inference_mode()
def spoken(base: NanoBase, items: Sequence[Features]) -> list[SpokenText]:
    """The clips as token sequences of the frozen content path."""
    return [SpokenText(item.speaker, item.phones, _tokens(base, item)) for item in items]


def _tokens(base: NanoBase, item: Features) -> Tensor:
    features = base.content.from_mel(item.mel.float().T[None])
    return base.voice.s2.quantise(features)[0].clone()


def replay_set(folder: Path) -> list[Rehearsal]:
    """The sentences of a base folder's replay file."""
    stored = load_file(folder / REPLAY_FILE)
    phones = torch.split(stored["phones"].long(), stored["phone_lengths"].tolist())
    tokens = torch.split(stored["tokens"].long(), stored["token_lengths"].tolist())
    timbres = stored["timbres"].float()
    return [
        (SpokenText(number, *pair), timbres[number][:, None])
        for number, pair in enumerate(zip(phones, tokens, strict=True))
    ]


def rounds(count: int, size: int, source: np.random.Generator) -> Iterator[list[int]]:
    """Endless groups of ``size`` indices; every index comes once per round over ``count``."""
    waiting: list[int] = []
    while True:
        while len(waiting) < size:
            waiting.extend(int(index) for index in source.permutation(count))
        yield waiting[:size]
        waiting = waiting[size:]
