"""The three stages of a fine-tune, each an epoch at a time: acoustic model, decoder head, stage 1."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from gptsovits.finetune.speaker import Rehearsal, rounds
from gptsovits.nano.acoustic import PITCH_CENTRE, Picture
from gptsovits.nano.base import NanoVoice
from gptsovits.nano.config import FRAMES_PER_TOKEN, HOP
from gptsovits.pretrain.acoustic import REFERENCE_FRAMES, AcousticBatch, acoustic_losses, collate
from gptsovits.pretrain.features import Features
from gptsovits.pretrain.semantic import SpokenText, joined, s1_batch, s1_losses
from gptsovits.pretrain.vocoder import SpectralDistance, blurred

_SPEAKER_RATE, _BODY_RATE = 1.5e-3, 3e-4
_VOCODER_RATE, _SEMANTIC_RATE = 1e-4, 1e-4
_SPEAKER_PARTS = ("film", "timbre", "leave", "norm")
_HELD_FIRST = 0.3
"""Share of the acoustic epochs in which only the speaker's own parts move."""
_CLIPS_PER_STEP, _REHEARSED_PER_STEP = 6, 5
_CROP_FRAMES = 80


class Stage(Protocol):
    """A part of the fine-tune; its optimiser and networks are all the state there is."""

    name: str
    epochs: int
    optimiser: torch.optim.AdamW
    network: nn.Module

    def step(self, share: float, source: np.random.Generator) -> Tensor:
        """Loss of one batch when ``share`` of the stage is over."""


class AcousticStage:
    """Tunes timbre, modulation and output layers first, then the whole acoustic model; rehearses the base."""

    name = "acoustic"

    def __init__(self, voice: NanoVoice, items: Sequence[Features], replay: Sequence[Rehearsal], epochs: int) -> None:
        self.epochs = epochs
        self.network: nn.Module = nn.ModuleDict({"enc_p": voice.s2.enc_p, "ref_enc": voice.s2.ref_enc})
        self._voice, self._items, self._replay = voice, items, replay
        self._base = copy.deepcopy(voice.s2.enc_p).requires_grad_(False)
        own, body = self._parts()
        self.optimiser = torch.optim.AdamW(
            [{"params": own, "lr": _SPEAKER_RATE}, {"params": body, "lr": _BODY_RATE}],
            betas=(0.9, 0.98),
            weight_decay=0.0,
        )

    def _parts(self) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
        own, body = [], []
        for name, parameter in self.network.named_parameters():
            if any(part in name for part in _SPEAKER_PARTS):
                own.append(parameter)
            elif name.startswith("enc_p") and "reader" not in name:
                body.append(parameter)
        return own, body

    def step(self, share: float, source: np.random.Generator) -> Tensor:
        """Distance on clips of the speaker and on rehearsed sentences."""
        fall = max(1.0 - share, 0.1)
        self.optimiser.param_groups[0]["lr"] = _SPEAKER_RATE * fall
        self.optimiser.param_groups[1]["lr"] = _BODY_RATE * fall * (share >= _HELD_FIRST)
        return self._speaker_loss(source) + self._rehearsal_loss(source)

    def _speaker_loss(self, source: np.random.Generator) -> Tensor:
        chosen = next(rounds(len(self._items), min(_CLIPS_PER_STEP, len(self._items)), source))
        items = [self._items[index] for index in chosen]
        batch = collate(items, [self._reference(source) for _ in items])
        with torch.autocast("cpu", torch.bfloat16):
            ge = self._voice.s2.ref_enc(batch.reference)
            content = self._voice.s2.quantizer.decode(batch.tokens)
            lengths = batch.frames // FRAMES_PER_TOKEN
            picture = self._voice.s2.enc_p(content, batch.phones, ge, batch.phone_lengths, lengths)
        return acoustic_losses(picture, batch)["total"]

    def _reference(self, source: np.random.Generator) -> Tensor:
        """Three seconds of the speaker, pieced together where clips are shorter."""
        mel = torch.cat([self._items[index].mel.float() for index in source.permutation(len(self._items))[:3]])
        repeated = mel.repeat(REFERENCE_FRAMES // len(mel) + 1, 1)
        at = int(source.integers(len(repeated) - REFERENCE_FRAMES + 1))
        return repeated[at : at + REFERENCE_FRAMES]

    def _rehearsal_loss(self, source: np.random.Generator) -> Tensor:
        chosen = [self._replay[index] for index in source.integers(len(self._replay), size=_REHEARSED_PER_STEP)]
        batch = s1_batch([text for text, _ in chosen])
        ge = torch.stack([timbre for _, timbre in chosen])
        with torch.autocast("cpu", torch.bfloat16):
            content = self._voice.s2.quantizer.decode(batch.tokens)
            inputs = (content, batch.phones, ge, batch.phone_lengths, batch.token_lengths)
            with torch.no_grad():
                wanted = self._base(*inputs)
            made = self._voice.s2.enc_p(*inputs)
        return acoustic_losses(made, _as_batch(wanted, batch.phones, batch.phone_lengths, batch.token_lengths))["total"]


def _as_batch(picture: Picture, phones: Tensor, phone_lengths: Tensor, token_lengths: Tensor) -> AcousticBatch:
    """What the base would say, as a goal."""
    hertz = (picture.pitch.float() + PITCH_CENTRE).exp() * (picture.voicing > 0)
    nothing = picture.mel.new_zeros(0)
    frames = token_lengths * FRAMES_PER_TOKEN
    return AcousticBatch(picture.mel.float(), hertz, frames, nothing, phones, phone_lengths, nothing)


class VocoderStage:
    """Lets the decoder head hear the speaker's own recording."""

    name = "vocoder"

    def __init__(self, voice: NanoVoice, items: Sequence[Features], epochs: int) -> None:
        self.epochs = epochs
        self.network: nn.Module = voice.s2.dec
        self._items = [item for item in items if item.frames >= _CROP_FRAMES]
        self._distance = SpectralDistance()
        self.optimiser = torch.optim.AdamW(self.network.parameters(), _VOCODER_RATE, betas=(0.9, 0.98))

    def step(self, share: float, source: np.random.Generator) -> Tensor:
        """Spectral distance on random crops."""
        crops = [self._items[index] for index in source.integers(len(self._items), size=_CLIPS_PER_STEP)]
        starts = [int(source.integers(item.frames - _CROP_FRAMES + 1)) for item in crops]
        pairs = list(zip(crops, starts, strict=True))
        mel = torch.stack([item.mel[at : at + _CROP_FRAMES].float() for item, at in pairs])
        hertz = torch.stack([item.pitch[at : at + _CROP_FRAMES] for item, at in pairs])
        wave = torch.stack([item.wave[at * HOP : (at + _CROP_FRAMES) * HOP] for item, at in pairs])
        with torch.autocast("cpu", torch.bfloat16):
            made = self.network(blurred(mel), hertz, torch.randn_like(wave))
        distance: Tensor = self._distance(made.float(), wave)
        return distance


class SemanticStage:
    """Moves stage 1 a little towards the speaker's pace and melody; half of every batch is rehearsed."""

    name = "semantic"

    def __init__(self, voice: NanoVoice, texts: Sequence[SpokenText], replay: Sequence[Rehearsal], epochs: int) -> None:
        self.epochs = epochs
        self.network: nn.Module = voice.s1
        self._s1, self._texts, self._replay = voice.s1, texts, replay
        self.optimiser = torch.optim.AdamW(self.network.parameters(), _SEMANTIC_RATE, betas=(0.9, 0.98))

    def step(self, share: float, source: np.random.Generator) -> Tensor:
        """Cross entropy on pairs of the speaker's sentences and on rehearsed ones."""
        order = source.permutation(len(self._texts))
        pairs = [joined([self._texts[order[0]], self._texts[order[-1]]]), self._texts[order[len(order) // 2]]]
        rehearsed = [self._replay[index][0] for index in source.integers(len(self._replay), size=3)]
        return s1_losses(self._s1, s1_batch([*pairs, *rehearsed]), smoothing=0.05)["total"]


def update(stage: Stage, loss: Tensor) -> None:
    """One step of the stage's optimiser."""
    stage.optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(stage.network.parameters(), 1.0)
    stage.optimiser.step()
