"""Teaches a few attention heads of stage 1 which phone a token speaks; the network itself stays as published."""

from __future__ import annotations

import math
from collections.abc import Sequence
from types import TracebackType
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from gptsovits.arch.s1 import SelfAttention, Text2Semantic

GUIDE_WEIGHT = 1.0
_GUIDED_LAYERS = (1, 2, 3)
_IGNORED = -100


class AttentionGuide:
    """While entered, listens to the guided layers: head 0 shall look at the token's phone, head 1 at the next."""

    def __init__(self, network: Text2Semantic) -> None:
        self._layers = [cast("SelfAttention", network.model.h.layers[index].self_attn) for index in _GUIDED_LAYERS]
        self._heard: list[Tensor] = []
        self._hooks: list[Any] = []

    def __enter__(self) -> AttentionGuide:
        self._heard.clear()
        self._hooks = [layer.register_forward_pre_hook(self._listen) for layer in self._layers]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for hook in self._hooks:
            hook.remove()

    def _listen(self, module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        self._heard.append(inputs[0])

    def loss(self, texts: Sequence[tuple[int, Tensor]]) -> Tensor:
        """Mean cross entropy of the guided heads; ``texts`` holds the number of phones and the owners of each row.

        Rows are as in :func:`gptsovits.arch.s1_loss.training_loss`: phones padded on the left, tokens on the right.
        """
        text_length = max(phones for phones, _ in texts)
        targets = torch.stack(
            [_targets(phones, owners, text_length, self._heard[0].shape[1]) for phones, owners in texts]
        )
        padding = torch.tensor([text_length - phones for phones, _ in texts])
        losses = [
            self._head_loss(layer, heard, targets + (targets >= 0) * head, padding, text_length, head)
            for layer, heard in zip(self._layers, self._heard, strict=True)
            for head in (0, 1)
        ]
        return torch.stack(losses).mean()

    @staticmethod
    def _head_loss(
        layer: SelfAttention, heard: Tensor, targets: Tensor, padding: Tensor, text_length: int, head: int
    ) -> Tensor:
        """Cross entropy of one head's attention over all visible positions, for the audio positions."""
        width = heard.shape[2] // layer.heads
        rows = slice(head * width, (head + 1) * width)
        weight, bias = layer.in_proj_weight, layer.in_proj_bias
        size = heard.shape[2]
        query = F.linear(heard[:, text_length:], weight[rows], bias[rows])
        keys = slice(size + rows.start, size + rows.stop)
        key = F.linear(heard, weight[keys], bias[keys])
        scores = (query @ key.transpose(1, 2)).float() / math.sqrt(width)
        position = torch.arange(heard.shape[1])
        unseen = position[None, None] > position[None, text_length:, None]
        unseen = unseen | (position[None, None] < padding[:, None, None])
        scores = scores.masked_fill(unseen, -1e4)
        goals = torch.where(targets >= text_length, _IGNORED, targets)
        return F.cross_entropy(scores.flatten(0, 1), goals[:, text_length:].flatten(), ignore_index=_IGNORED)


def _targets(phones: int, owners: Tensor, text_length: int, length: int) -> Tensor:
    """For each position the position of the phone that its token speaks; ignored where there is none."""
    targets = torch.full((length,), _IGNORED)
    targets[text_length : text_length + len(owners)] = owners + text_length - phones
    return targets
