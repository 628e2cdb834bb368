"""The acoustic model and the reference encoder: tokens, phones and a reference of the same speaker to the picture."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pad_sequence

from gptsovits.nano.acoustic import PITCH_CENTRE, AcousticModel, Picture, ReferenceEncoder
from gptsovits.nano.config import FRAMES_PER_TOKEN, NanoConfig
from gptsovits.nano.quantiser import TokenQuantiser
from gptsovits.pretrain.features import Corpus, Features

BATCH_FRAMES = 4000
REFERENCE_FRAMES = 300


def acoustic_modules(config: NanoConfig) -> nn.ModuleDict:
    """The networks of this run."""
    return nn.ModuleDict(
        {
            "enc_p": AcousticModel(config),
            "ref_enc": ReferenceEncoder(config),
            "quantizer": TokenQuantiser(config.codebook_size, config.content_dim),
        }
    )


@dataclass(frozen=True)
class AcousticBatch:
    """Whole clips, padded: mel ``(B, T, 80)``, pitch ``(B, T)``, tokens ``(B, T // 4)``, phones ``(B, N)``.

    ``reference (B, 80, R)`` is other speech of the same speakers.
    """

    mel: Tensor
    pitch: Tensor
    frames: Tensor
    tokens: Tensor
    phones: Tensor
    phone_lengths: Tensor
    reference: Tensor


def collate(items: Sequence[Features], references: Sequence[Tensor]) -> AcousticBatch:
    """Pads clips to the longest; each reference is ``(R, 80)``."""
    return AcousticBatch(
        pad_sequence([item.mel.float() for item in items], batch_first=True, padding_value=-6.9),
        pad_sequence([item.pitch for item in items], batch_first=True),
        torch.tensor([item.frames for item in items]),
        pad_sequence([item.tokens for item in items], batch_first=True),
        pad_sequence([item.phones for item in items], batch_first=True),
        torch.tensor([len(item.phones) for item in items]),
        torch.stack(list(references)).transpose(1, 2),
    )


def acoustic_losses(picture: Picture, batch: AcousticBatch) -> dict[str, Tensor]:
    """Distances of ``picture`` and the true one over the valid frames."""
    valid = (torch.arange(batch.mel.shape[1])[None] < batch.frames[:, None]).float()
    voiced = (batch.pitch > 0).float()
    mel = _masked((picture.mel.float() - batch.mel).abs().mean(2), valid)
    slope = picture.mel.float().diff(dim=1) - batch.mel.diff(dim=1)
    movement = _masked(slope.abs().mean(2), valid[:, 1:])
    goal = batch.pitch.clamp_min(30).log() - PITCH_CENTRE
    pitch = _masked((picture.pitch.float() - goal).abs(), valid * voiced)
    voicing = F.binary_cross_entropy_with_logits(picture.voicing.float(), voiced, weight=valid, reduction="sum")
    voicing = voicing / valid.sum()
    total = mel + 0.5 * movement + pitch + 0.2 * voicing
    return {"total": total, "mel": mel, "pitch": pitch, "voicing": voicing}


def _masked(values: Tensor, mask: Tensor) -> Tensor:
    return (values * mask).sum() / mask.sum().clamp_min(1)


class AcousticTraining:
    """Draws batches and computes the losses."""

    def __init__(self, modules: nn.ModuleDict, corpus: Corpus, seed: int) -> None:
        self._modules, self._corpus = modules, corpus
        self._source = np.random.default_rng(seed)
        self._batches: Iterator[list[Features]] = iter(())
        self.refresh()

    def refresh(self) -> None:
        """Takes up new shards and begins a new round over the corpus."""
        self._corpus.refresh()
        self._batches = self._corpus.batches(BATCH_FRAMES, self._source)
        self._by_speaker: dict[int, list[Features]] = {}
        for item in self._corpus.items:
            self._by_speaker.setdefault(item.speaker, []).append(item)

    def losses(self, progress: float) -> Mapping[str, Tensor]:
        """Losses of one batch."""
        items = next(self._batches)
        batch = collate(items, [self._reference(item.speaker) for item in items])
        with torch.autocast("cpu", torch.bfloat16):
            content = cast("TokenQuantiser", self._modules["quantizer"]).decode(batch.tokens)
            ge = self._modules["ref_enc"](batch.reference)
            picture = self._modules["enc_p"](
                content, batch.phones, ge, batch.phone_lengths, batch.frames // FRAMES_PER_TOKEN
            )
        return acoustic_losses(picture, batch)

    def _reference(self, speaker: int) -> Tensor:
        clips = self._by_speaker[speaker]
        parts: list[Tensor] = []
        while sum(len(part) for part in parts) < REFERENCE_FRAMES:
            parts.append(clips[self._source.integers(len(clips))].mel.float())
        return torch.cat(parts)[:REFERENCE_FRAMES]
