"""Stage 1: phones to tokens, on single sentences and on pairs of sentences of one speaker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from gptsovits.arch.s1 import Text2Semantic
from gptsovits.arch.s1_loss import S1Batch, left_aligned, top_k_accuracy
from gptsovits.nano.config import nano_s1_config
from gptsovits.pretrain.acoustic import TokenMaker
from gptsovits.pretrain.features import Corpus, Features
from gptsovits.pretrain.guide import GUIDE_WEIGHT, AttentionGuide

BATCH = 8
_PAIR_SHARE = 0.35
_DISTURBED_SHARE = 0.3


@dataclass(frozen=True)
class SpokenText:
    """Phones ``(N,)`` and the tokens ``(M,)`` that speak them; ``owners (M,)`` tells which phone each token speaks."""

    speaker: int
    phones: Tensor
    tokens: Tensor
    owners: Tensor | None = None


def semantic_modules(codebook_size: int) -> nn.ModuleDict:
    """The network of this run."""
    return nn.ModuleDict({"s1": Text2Semantic(nano_s1_config(codebook_size))})


def spoken_texts(items: Sequence[Features], tokens: TokenMaker) -> list[SpokenText]:
    """Tokens of undisturbed clips."""
    return [SpokenText(item.speaker, item.phones, tokens(item.mel.float()[None])[0], item.owners) for item in items]


def joined(parts: Sequence[SpokenText]) -> SpokenText:
    """Sentences one after another, as prompt and answer are at synthesis."""
    phones, tokens = torch.cat([part.phones for part in parts]), torch.cat([part.tokens for part in parts])
    return SpokenText(parts[0].speaker, phones, tokens, _joined_owners(parts))


def _joined_owners(parts: Sequence[SpokenText]) -> Tensor | None:
    shifted, before = [], 0
    for part in parts:
        if part.owners is None:
            return None
        shifted.append(part.owners + before)
        before += len(part.phones)
    return torch.cat(shifted)


def s1_batch(texts: Sequence[SpokenText]) -> S1Batch:
    """Right-padded batch."""
    return S1Batch(
        pad_sequence([text.phones for text in texts], batch_first=True),
        torch.tensor([len(text.phones) for text in texts]),
        None,
        pad_sequence([text.tokens for text in texts], batch_first=True),
        torch.tensor([len(text.tokens) for text in texts]),
    )


def s1_losses(network: Text2Semantic, batch: S1Batch, smoothing: float = 0.0) -> dict[str, Tensor]:
    """Mean cross entropy over the real tokens and one EOS each (padding weighs nothing), and top-3 accuracy."""
    eos = network.config.EOS
    longest = batch.tokens.shape[1]
    valid = torch.arange(longest)[None] < batch.token_lengths[:, None]
    tokens = batch.tokens.masked_fill(~valid, eos)
    targets = nn.functional.pad(tokens, (0, 1), value=eos)
    phones = left_aligned(batch.phones, batch.phone_lengths)
    padding = batch.phones.shape[1] - batch.phone_lengths
    with torch.autocast("cpu", torch.bfloat16):
        logits, _ = network(phones, None, tokens, padding)
    counted = torch.arange(longest + 1)[None] <= batch.token_lengths[:, None]
    entropy = nn.functional.cross_entropy(
        logits.float().transpose(1, 2), targets, reduction="none", label_smoothing=smoothing
    )
    total = (entropy * counted).sum() / counted.sum()
    return {"total": total, "top3": top_k_accuracy(logits, targets, eos)}


class SemanticTraining:
    """Draws single sentences and pairs of one speaker."""

    def __init__(self, modules: nn.ModuleDict, tokens: TokenMaker, corpus: Corpus, seed: int) -> None:
        self._network = modules["s1"]
        self._guide = AttentionGuide(modules["s1"])
        self._tokens, self._corpus = tokens, corpus
        self._source = np.random.default_rng(seed)
        self._texts: list[SpokenText] = []
        self.refresh()

    def refresh(self) -> None:
        """Takes up new shards."""
        self._corpus.refresh()
        self._texts.extend(spoken_texts(self._corpus.items[len(self._texts) :], self._tokens))
        self._by_speaker: dict[int, list[SpokenText]] = {}
        for text in self._texts:
            self._by_speaker.setdefault(text.speaker, []).append(text)

    def losses(self, progress: float) -> Mapping[str, Tensor]:
        """Losses of one batch."""
        texts = [self._draw() for _ in range(BATCH)]
        with self._guide:
            losses = s1_losses(self._network, s1_batch(texts))
            guided = self._guide.loss([(len(text.phones), text.owners) for text in texts])
        return {**losses, "total": losses["total"] + GUIDE_WEIGHT * guided, "entropy": losses["total"], "guide": guided}

    def _draw(self) -> SpokenText:
        text = self._texts[self._source.integers(len(self._texts))]
        if self._source.random() >= _PAIR_SHARE:
            return text
        others = self._by_speaker[text.speaker]
        return joined([others[self._source.integers(len(others))], text])
