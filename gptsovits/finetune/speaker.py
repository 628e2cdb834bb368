"""What the fine-tune learns from (clips of the speaker) and what it rehearses (the base's own replay set)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from gptsovits.finetune.align import AlignmentError, Clip, timeline
from gptsovits.finetune.pitch import pitch_of
from gptsovits.nano.base import REPLAY_FILE, NanoBase
from gptsovits.nano.config import FRAMES_PER_TOKEN, HOP
from gptsovits.nano.timing import CrowdedError, without_gaps
from gptsovits.pretrain.features import Features, MelMaker, frame_classes, normalised, spoken_tokens
from gptsovits.pretrain.semantic import SpokenText
from gptsovits.text import phonemize

Rehearsal = tuple[SpokenText, Tensor]
"""A sentence of the replay set and its timbre ``(G, 1)``."""


def features_of_clips(base: NanoBase, clips: Sequence[Clip]) -> list[Features]:
    """Training features of clips with known words; a clip whose words do not fit into its time is left out."""
    maker = MelMaker()
    found = []
    for clip in clips:
        try:
            found.append(_features(base, clip, maker))
        except (AlignmentError, CrowdedError):
            continue
    return found


def _features(base: NanoBase, clip: Clip, maker: MelMaker) -> Features:
    wave = normalised(clip.wave)
    frames = len(wave) // HOP // FRAMES_PER_TOKEN * FRAMES_PER_TOKEN
    wave = wave[: frames * HOP]
    read = phonemize(clip.text, clip.language)
    symbols, ends = without_gaps(*timeline(base, wave, read.phones))
    tokens, owners = spoken_tokens(read.phones, symbols, ends, frames // FRAMES_PER_TOKEN)
    return Features(
        speaker=-1,
        text=clip.text,
        phones=torch.tensor(read.ids),
        mel=maker(wave),
        pitch=torch.from_numpy(pitch_of(wave, frames)),
        classes=frame_classes(symbols, ends, frames),
        wave=torch.from_numpy(wave),
        tokens=tokens,
        owners=owners,
    )


def replay_set(folder: Path) -> list[Rehearsal]:
    """The sentences of a base folder's replay file."""
    stored = load_file(folder / REPLAY_FILE)
    phones = torch.split(stored["phones"].long(), stored["phone_lengths"].tolist())
    lengths = stored["token_lengths"].tolist()
    tokens, owners = (torch.split(stored[name].long(), lengths) for name in ("tokens", "owners"))
    timbres = stored["timbres"].float()
    return [
        (SpokenText(number, *parts), timbres[number][:, None])
        for number, parts in enumerate(zip(phones, tokens, owners, strict=True))
    ]


def rounds(count: int, size: int, source: np.random.Generator) -> Iterator[list[int]]:
    """Endless groups of ``size`` indices; every index comes once per round over ``count``."""
    waiting: list[int] = []
    while True:
        while len(waiting) < size:
            waiting.extend(int(index) for index in source.permutation(count))
        yield waiting[:size]
        waiting = waiting[size:]
