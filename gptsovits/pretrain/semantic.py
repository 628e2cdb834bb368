"""Stage 1: phones to tokens, on single sentences and on pairs of sentences of one speaker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from gptsovits.arch.s1 import Text2Semantic
from gptsovits.arch.s1_loss import S1Batch, left_aligned, top_k_accuracy
from gptsovits.nano.config import nano_s1_config
from gptsovits.pretrain.features import Corpus, Features
from gptsovits.pretrain.guide import GUIDE_WEIGHT, AttentionGuide

BATCH = 10
_PAIR_SHARE = 0.35
_SPLICED_SHARE = 0.5
_CORRUPTED_SHARE = 0.12


@dataclass(frozen=True)
class SpokenText:
    """Phones ``(N,)`` and the tokens ``(M,)`` that speak them; ``owners (M,)`` tells which phone each token speaks."""

    speaker: int
    phones: Tensor
    tokens: Tensor
    owners: Tensor


def semantic_modules(codebook_size: int) -> nn.ModuleDict:
    """The network of this run."""
    return nn.ModuleDict({"s1": Text2Semantic(nano_s1_config(codebook_size))})


def spoken_texts(items: Sequence[Features]) -> list[SpokenText]:
    """What clips say."""
    return [SpokenText(item.speaker, item.phones, item.tokens, item.owners) for item in items]


def joined(parts: Sequence[SpokenText]) -> SpokenText:
    """Sentences one after another, as prompt and answer are at synthesis."""
    phones, tokens = torch.cat([part.phones for part in parts]), torch.cat([part.tokens for part in parts])
    before = np.cumsum([0, *(len(part.phones) for part in parts[:-1])])
    owners = torch.cat([part.owners + int(offset) for part, offset in zip(parts, before, strict=True)])
    return SpokenText(parts[0].speaker, phones, tokens, owners)


def spliced(texts: Sequence[SpokenText], source: np.random.Generator) -> SpokenText:
    """Runs of phones cut out of several texts, put together: only reading, no memory of sentences, predicts them."""
    parts: list[SpokenText] = []
    for _ in range(int(source.integers(2, 8))):
        text = texts[int(source.integers(len(texts)))]
        first = int(source.integers(max(len(text.phones) - 4, 1)))
        last = min(first + int(source.integers(3, 16)), len(text.phones))
        inside = (text.owners >= first) & (text.owners < last)
        phones, owners = text.phones[first:last], text.owners[inside] - first
        parts.append(SpokenText(text.speaker, phones, text.tokens[inside], owners))
    return joined(parts)


def corrupted(tokens: Tensor, vocabulary: int, share: float) -> Tensor:
    """``tokens`` with a share of them replaced at random, so that a wrong token is no reason to lose the place."""
    wrong = torch.rand(tokens.shape) < share
    return torch.where(wrong, torch.randint_like(tokens, vocabulary), tokens)


def s1_batch(texts: Sequence[SpokenText]) -> S1Batch:
    """Right-padded batch."""
    return S1Batch(
        pad_sequence([text.phones for text in texts], batch_first=True),
        torch.tensor([len(text.phones) for text in texts]),
        None,
        pad_sequence([text.tokens for text in texts], batch_first=True),
        torch.tensor([len(text.tokens) for text in texts]),
    )


def s1_losses(
    network: Text2Semantic, batch: S1Batch, smoothing: float = 0.0, corruption: float = 0.0
) -> dict[str, Tensor]:
    """Mean cross entropy over the real tokens and one EOS each (padding weighs nothing), and top-3 accuracy."""
    eos = network.config.EOS
    longest = batch.tokens.shape[1]
    valid = torch.arange(longest)[None] < batch.token_lengths[:, None]
    tokens = batch.tokens.masked_fill(~valid, eos)
    targets = nn.functional.pad(tokens, (0, 1), value=eos)
    phones = left_aligned(batch.phones, batch.phone_lengths)
    padding = batch.phones.shape[1] - batch.phone_lengths
    with torch.autocast("cpu", torch.bfloat16):
        logits, _ = network(phones, None, corrupted(tokens, eos, corruption), padding)
    counted = torch.arange(longest + 1)[None] <= batch.token_lengths[:, None]
    entropy = nn.functional.cross_entropy(
        logits.float().transpose(1, 2), targets, reduction="none", label_smoothing=smoothing
    )
    total = (entropy * counted).sum() / counted.sum()
    return {"total": total, "top3": top_k_accuracy(logits, targets, eos)}


class SemanticTraining:
    """Draws single sentences, pairs of one speaker, and sentences spliced from runs of phones."""

    def __init__(self, modules: nn.ModuleDict, corpus: Corpus, seed: int) -> None:
        self._network = cast("Text2Semantic", modules["s1"])
        self._guide = AttentionGuide(self._network)
        self._corpus = corpus
        self._source = np.random.default_rng(seed)
        self._texts: list[SpokenText] = []
        self.refresh()

    def refresh(self) -> None:
        """Takes up new shards."""
        self._corpus.refresh()
        self._texts.extend(spoken_texts(self._corpus.items[len(self._texts) :]))
        self._by_speaker: dict[int, list[SpokenText]] = {}
        for text in self._texts:
            self._by_speaker.setdefault(text.speaker, []).append(text)

    def losses(self, progress: float) -> Mapping[str, Tensor]:
        """Losses of one batch."""
        texts = [self._draw() for _ in range(BATCH)]
        with self._guide:
            losses = s1_losses(self._network, s1_batch(texts), corruption=_CORRUPTED_SHARE)
            guided = self._guide.loss([(len(text.phones), text.owners) for text in texts])
        return {**losses, "total": losses["total"] + GUIDE_WEIGHT * guided, "entropy": losses["total"], "guide": guided}

    def _draw(self) -> SpokenText:
        text = self._texts[self._source.integers(len(self._texts))]
        chance = self._source.random()
        others = self._by_speaker[text.speaker]
        if chance < _SPLICED_SHARE:
            return spliced(others, self._source)
        if chance >= _SPLICED_SHARE + _PAIR_SHARE:
            return text
        return joined([others[self._source.integers(len(others))], text])
