"""Content encoder and the projection to tokens: which phone is spoken, through any voice and room."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gptsovits.nano.config import FRAMES_PER_TOKEN, NanoConfig
from gptsovits.nano.content import ContentEncoder
from gptsovits.nano.phones import CLASS_COUNT
from gptsovits.nano.quantiser import TokenQuantiser
from gptsovits.pretrain.augment import disturbed
from gptsovits.pretrain.features import Corpus

CROP_FRAMES = 240
BATCH = 24
_SHARPNESS = 16.0
"""Cosines times this are the logits of the tokens."""


def content_modules(config: NanoConfig) -> nn.ModuleDict:
    """The networks of this run; ``phone_head`` tells the frame classes at 50 Hz."""
    dim = config.content_dim
    return nn.ModuleDict(
        {
            "content": ContentEncoder(config),
            "ssl_proj": nn.Conv1d(dim, dim, 2, stride=2),
            "quantizer": TokenQuantiser(config.codebook_size, dim),
            "phone_head": nn.Linear(dim, CLASS_COUNT),
        }
    )


class ContentTraining:
    """Draws batches and computes the losses."""

    def __init__(self, modules: nn.ModuleDict, corpus: Corpus, seed: int) -> None:
        self._modules, self._corpus = modules, corpus
        self._source = np.random.default_rng(seed)
        self._content = cast("ContentEncoder", modules["content"])
        self._quantizer = cast("TokenQuantiser", modules["quantizer"])

    def refresh(self) -> None:
        """Takes up new shards."""
        self._corpus.refresh()

    def losses(self, progress: float) -> Mapping[str, Tensor]:
        """Losses of one batch."""
        crops = self._corpus.crops(BATCH, CROP_FRAMES, self._source)
        mel = torch.stack([item.mel[at : at + CROP_FRAMES] for item, at in crops]).float()
        classes = torch.stack([item.classes[at : at + CROP_FRAMES] for item, at in crops])[:, ::2]
        length = CROP_FRAMES // FRAMES_PER_TOKEN
        starts = [(item.tokens, at // FRAMES_PER_TOKEN) for item, at in crops]
        tokens = torch.stack([spoken[at : at + length] for spoken, at in starts])
        with torch.autocast("cpu", torch.bfloat16):
            features = self._content.from_mel(disturbed(mel).transpose(1, 2))
            projected = self._modules["ssl_proj"](features).transpose(1, 2)
            frame_logits = self._modules["phone_head"](features.transpose(1, 2)).float()
        token_logits = self._quantizer.similarities(projected.float()) * _SHARPNESS
        frame = F.cross_entropy(frame_logits.flatten(0, 1), classes.flatten(), label_smoothing=0.02)
        token = F.cross_entropy(token_logits.flatten(0, 1), tokens.flatten(), label_smoothing=0.02)
        return {
            "total": frame + token,
            "frame_accuracy": (frame_logits.argmax(-1) == classes).float().mean(),
            "token_accuracy": (token_logits.argmax(-1) == tokens).float().mean(),
        }
