"""What stage 1 learns from."""

import numpy as np
import torch

from gptsovits.pretrain.features import spoken_tokens
from gptsovits.pretrain.semantic import SpokenText, corrupted, joined, spliced


def _text(phones: int) -> SpokenText:
    owners = torch.arange(phones).repeat_interleave(2)
    return SpokenText(0, torch.arange(phones), owners * 10, owners)


def test_silence_belongs_to_the_mark_before_the_next_phone() -> None:
    ends = np.array([0.08, 0.2, 0.28, 0.4], np.float32)
    tokens, owners = spoken_tokens(("B", ",", "D", "."), ("", "B", "", "D"), ends, 10)
    assert owners.tolist() == [0, 0, 0, 0, 0, 1, 1, 2, 2, 2]
    assert (tokens[:2].tolist(), tokens[5:7].tolist()) == ([0, 1], [0, 1])


def test_joined_texts_keep_every_token_with_its_phone() -> None:
    both = joined([_text(3), _text(4)])
    assert torch.equal(both.phones[both.owners] * 10, both.tokens)


def test_spliced_texts_keep_every_token_with_its_phone() -> None:
    source = np.random.default_rng(0)
    for _ in range(20):
        text = spliced([_text(9), _text(20)], source)
        assert torch.equal(text.phones[text.owners] * 10, text.tokens)


def test_corruption_replaces_about_the_asked_share() -> None:
    changed = (corrupted(torch.zeros(4000, dtype=torch.int64), 512, 0.25) != 0).float().mean()
    assert 0.2 < float(changed) < 0.3
