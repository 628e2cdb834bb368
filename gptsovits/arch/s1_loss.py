"""Training losses of stage 1: cross entropy with the padding on the left of the text, and the optional DPO term."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from gptsovits.arch.s1 import Text2Semantic

DPO_BETA = 0.2


@dataclass(frozen=True)
class S1Batch:
    """A right-padded batch with lengths ``(B,)``: phones ``(B, N)``, BERT ``(B, D, N)`` or None, tokens ``(B, M)``."""

    phones: Tensor
    phone_lengths: Tensor
    bert: Tensor | None
    tokens: Tensor
    token_lengths: Tensor


@dataclass(frozen=True)
class S1Loss:
    """Summed cross entropy (plus the DPO term), top-3 accuracy without EOS targets, logits ``(B, M+1, V)``."""

    loss: Tensor
    accuracy: Tensor
    logits: Tensor


def training_loss(network: Text2Semantic, batch: S1Batch) -> S1Loss:
    """Summed cross entropy of the tokens followed by EOS; padded positions count as EOS targets too."""
    logits, targets = _teacher_forced(network, batch)
    loss = F.cross_entropy(logits.transpose(1, 2), targets, reduction="sum")
    return S1Loss(loss, top_k_accuracy(logits, targets, network.config.EOS), logits)


def preference_loss(network: Text2Semantic, batch: S1Batch, rejected: Tensor, rejected_lengths: Tensor) -> S1Loss:
    """Adds reference-free DPO against ``rejected (B, M')`` token sequences to the training loss."""
    chosen_logits, chosen_targets = _teacher_forced(network, batch)
    other = S1Batch(batch.phones, batch.phone_lengths, batch.bert, rejected, rejected_lengths)
    rejected_logits, rejected_targets = _teacher_forced(network, other)
    margin = _log_likelihood(chosen_logits, chosen_targets) - _log_likelihood(rejected_logits, rejected_targets)
    entropy = F.cross_entropy(chosen_logits.transpose(1, 2), chosen_targets, reduction="sum")
    loss = entropy - F.logsigmoid(DPO_BETA * margin).mean()
    return S1Loss(loss, top_k_accuracy(chosen_logits, chosen_targets, network.config.EOS), chosen_logits)


def top_k_accuracy(logits: Tensor, targets: Tensor, ignored: int, k: int = 3) -> Tensor:
    """Share of targets among the ``k`` best logits, counted over all positions but the ``ignored`` class."""
    hits = (logits.topk(k, dim=-1).indices == targets.unsqueeze(-1)).any(-1)
    counted = targets != ignored
    return (hits & counted).sum() / counted.sum().clamp_min(1)


def left_aligned(values: Tensor, lengths: Tensor) -> Tensor:
    """Moves right padding of ``values (B, N, ...)`` to the left; what fills it is arbitrary and must be masked."""
    length = values.shape[1]
    source = torch.arange(length, device=values.device)[None] - (length - lengths)[:, None]
    index = source.clamp_min(0)
    return values[torch.arange(values.shape[0], device=values.device)[:, None], index]


def _teacher_forced(network: Text2Semantic, batch: S1Batch) -> tuple[Tensor, Tensor]:
    eos = network.config.EOS
    longest = batch.tokens.shape[1]
    valid = torch.arange(longest, device=batch.tokens.device)[None] < batch.token_lengths[:, None]
    tokens = batch.tokens.masked_fill(~valid, eos)
    targets = F.pad(tokens, (0, 1), value=eos)
    phones = left_aligned(batch.phones, batch.phone_lengths)
    bert = batch.bert
    if bert is not None:
        bert = left_aligned(bert.transpose(1, 2), batch.phone_lengths).transpose(1, 2)
    logits, _ = network(phones, bert, tokens, batch.phones.shape[1] - batch.phone_lengths, batch.token_lengths)
    return logits, targets


def _log_likelihood(logits: Tensor, targets: Tensor) -> Tensor:
    """Summed log probability per item, ``(B,)``."""
    return logits.log_softmax(-1).gather(2, targets.unsqueeze(-1)).squeeze(-1).sum(-1)
