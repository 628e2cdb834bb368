"""Content encoder and quantiser: every token must tell which phones are spoken, through any voice and room."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gptsovits.nano.config import NanoConfig
from gptsovits.nano.content import ContentEncoder
from gptsovits.nano.phones import CLASS_COUNT
from gptsovits.nano.quantiser import TokenQuantiser
from gptsovits.pretrain.augment import disturbed
from gptsovits.pretrain.features import Corpus

CROP_FRAMES = 240
BATCH = 24
_QUANTISE_FROM = 300
_REVIVE_EVERY = 100
_PITCH_WEIGHT = 0.15


class ContentHeads(nn.Module):
    """What training asks of features (phones at 50 Hz) and of tokens (two phones each, and relative pitch)."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.frame = nn.Linear(dim, CLASS_COUNT)
        self.token = nn.Sequential(nn.Linear(dim, dim), nn.GELU(), nn.Linear(dim, 2 * CLASS_COUNT + 1))


def content_modules(config: NanoConfig) -> nn.ModuleDict:
    """The networks of this run."""
    dim = config.content_dim
    return nn.ModuleDict(
        {
            "content": ContentEncoder(config),
            "ssl_proj": nn.Conv1d(dim, dim, 2, stride=2),
            "quantizer": TokenQuantiser(config.codebook_size, dim),
            "heads": ContentHeads(dim),
        }
    )


class ContentTraining:
    """Draws batches and computes the losses; revives codebook entries that nothing uses."""

    def __init__(self, modules: nn.ModuleDict, corpus: Corpus, seed: int, step: int) -> None:
        self._modules, self._corpus = modules, corpus
        self._source = np.random.default_rng(seed)
        self._content = cast("ContentEncoder", modules["content"])
        self._quantizer = cast("TokenQuantiser", modules["quantizer"])
        self._heads = cast("ContentHeads", modules["heads"])
        self._used = torch.zeros(len(self._quantizer.codebook))
        self._step = step

    def refresh(self) -> None:
        """Takes up new shards."""
        self._corpus.refresh()

    def losses(self, progress: float) -> Mapping[str, Tensor]:
        """Losses of one batch."""
        crops = self._corpus.crops(BATCH, CROP_FRAMES, self._source)
        mel = torch.stack([item.mel[at : at + CROP_FRAMES] for item, at in crops]).float()
        classes = torch.stack([item.classes[at : at + CROP_FRAMES] for item, at in crops])
        pitch = torch.stack([relative_pitch(item.pitch)[at : at + CROP_FRAMES] for item, at in crops])
        with torch.autocast("cpu", torch.bfloat16):
            features = self._content.from_mel(disturbed(mel).transpose(1, 2))
            projected = self._modules["ssl_proj"](features).transpose(1, 2)
            frame_logits = self._heads.frame(features.transpose(1, 2))
        quantised, vq_loss = self._quantised(projected.float())
        answer = self._heads.token(quantised * quantised.shape[-1] ** 0.5)
        return self._compare(frame_logits.float(), answer, classes[:, ::2], pitch[:, 1::4], vq_loss)

    def _compare(
        self, frame_logits: Tensor, answer: Tensor, classes: Tensor, pitch: Tensor, vq_loss: Tensor
    ) -> Mapping[str, Tensor]:
        token_logits = answer[..., :-1].reshape(answer.shape[0], -1, CLASS_COUNT)
        frame = F.cross_entropy(frame_logits.flatten(0, 1), classes.flatten(), label_smoothing=0.02)
        token = F.cross_entropy(token_logits.flatten(0, 1), classes.flatten(), label_smoothing=0.02)
        melody = (F.smooth_l1_loss(answer[..., -1], pitch, reduction="none") * (pitch != 0)).mean()
        return {
            "total": frame + token + _PITCH_WEIGHT * melody + vq_loss,
            "frame_accuracy": (frame_logits.argmax(-1) == classes).float().mean(),
            "token_accuracy": (token_logits.argmax(-1) == classes).float().mean(),
            "melody": melody,
            "quantiser": vq_loss,
            "used": (self._used > 0.01).float().sum(),
        }

    def _quantised(self, projected: Tensor) -> tuple[Tensor, Tensor]:
        self._step += 1
        if self._step < _QUANTISE_FROM:
            return F.normalize(projected, dim=-1), torch.zeros(())
        if self._step == _QUANTISE_FROM or self._step % _REVIVE_EVERY == 0:
            self._revive(projected.detach())
        quantised, tokens, loss = self._quantizer(projected)
        self._used = 0.98 * self._used + 0.02 * torch.bincount(tokens.flatten(), minlength=len(self._used)).float()
        return quantised, 0.25 * loss

    @torch.no_grad()
    def _revive(self, projected: Tensor) -> None:
        """Moves entries that are hardly used onto vectors of the batch."""
        dead = (self._used < 0.05).nonzero()[:, 0]
        candidates = F.normalize(projected.flatten(0, 1), dim=-1)
        chosen = torch.randperm(len(candidates))[: len(dead)]
        self._quantizer.codebook[dead[: len(chosen)]] = candidates[chosen]
        self._used[dead] = 0.5


def relative_pitch(pitch: Tensor) -> Tensor:
    """Log pitch against the clip's median, 0 where unvoiced, in units of about a third of an octave."""
    voiced = pitch > 0
    if not bool(voiced.any()):
        return torch.zeros_like(pitch)
    log = pitch.clamp_min(30).log()
    return torch.where(voiced, ((log - log[voiced].median()) * 4).clamp(-3, 3), torch.zeros_like(log))
