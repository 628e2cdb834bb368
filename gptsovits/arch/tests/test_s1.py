"""Masks and the cache of stage 1: step by step equals the full forward, padding changes nothing."""

from __future__ import annotations

import pytest
import torch

from gptsovits.arch.s1 import Text2Semantic
from gptsovits.arch.s1_inference import infer, left_padded
from gptsovits.arch.s1_loss import left_aligned
from gptsovits.config import S1Config
from gptsovits.runtime.sampling import Sampling

torch.set_num_threads(1)
CONFIG = S1Config(
    vocab_size=33, phoneme_vocab_size=20, embedding_dim=16, hidden_dim=16, head=2, n_layer=2, EOS=32, bert_dim=8
)


@pytest.fixture
def network() -> Text2Semantic:
    torch.manual_seed(3)
    return Text2Semantic(CONFIG).eval()


@pytest.mark.parametrize(("phones", "prompt", "more"), [(1, 0, 5), (7, 1, 4), (5, 6, 9)])
def test_steps_with_a_cache_equal_the_full_forward(
    network: Text2Semantic, phones: int, prompt: int, more: int
) -> None:
    ids, bert = torch.randint(20, (2, phones)), torch.randn(2, 8, phones)
    tokens = torch.randint(32, (2, prompt + more))
    with torch.no_grad():
        whole, _ = network(ids, bert, tokens)
        logits, past = network(ids, bert, tokens[:, :prompt])
        torch.testing.assert_close(logits[:, -1], whole[:, prompt])
        for position in range(prompt, prompt + more):
            step, past = network.step(tokens[:, position], position, past)
            torch.testing.assert_close(step, whole[:, position + 1], atol=1e-5, rtol=1e-5)


def test_left_padding_changes_no_logit(network: Text2Semantic) -> None:
    ids, bert, tokens = torch.randint(20, (1, 6)), torch.randn(1, 8, 6), torch.randint(32, (1, 4))
    padded_ids, counts = left_padded([ids[0], torch.randint(20, (9,))])
    padded_bert, _ = left_padded([bert[0], torch.randn(8, 9)])
    with torch.no_grad():
        alone, _ = network(ids, bert, tokens)
        batch, _ = network(padded_ids, padded_bert, tokens.expand(2, -1), counts)
    torch.testing.assert_close(batch[:1], alone, atol=1e-5, rtol=1e-5)


def test_audio_does_not_see_the_future_and_text_does_not_see_audio(network: Text2Semantic) -> None:
    ids, bert, tokens = torch.randint(20, (1, 5)), torch.randn(1, 8, 5), torch.randint(32, (1, 6))
    changed = tokens.clone()
    changed[0, 4] = (changed[0, 4] + 1) % 32
    with torch.no_grad():
        first, second = network(ids, bert, tokens)[0], network(ids, bert, changed)[0]
    torch.testing.assert_close(first[:, :5], second[:, :5], rtol=0, atol=0)
    assert not torch.equal(first[:, 5:], second[:, 5:])


def test_without_bert_there_is_no_projection() -> None:
    from dataclasses import replace

    network = Text2Semantic(replace(CONFIG, bert_dim=0)).eval()
    assert not [name for name in network.state_dict() if "bert" in name]
    (found,) = infer(network, torch.randint(20, (1, 4)), None, torch.zeros(1, 0, dtype=torch.long),
                     Sampling(greedy=True, early_stop=5))  # fmt: skip
    assert len(found.tokens) in range(5, 7)


def test_early_stop_can_keep_the_first_token(network: Text2Semantic) -> None:
    ids, bert, prompt = torch.randint(20, (1, 4)), torch.randn(1, 8, 4), torch.randint(32, (1, 3))
    (found,) = infer(network, ids, bert, prompt, Sampling(greedy=True, early_stop=6))
    assert found.stopped_early
    assert len(found.semantic()) == 6
    assert len(found.semantic(drop_first_on_early_stop=False)) == 7


def test_left_aligned_keeps_order() -> None:
    rows = torch.tensor([[1, 2, 3, 0], [4, 0, 0, 0]])
    moved = left_aligned(rows, torch.tensor([3, 1]))
    assert moved[0, 1:].tolist() == [1, 2, 3]
    assert moved[1, 3].item() == 4


def test_wrong_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="last entry"):
        S1Config(EOS=3)
    with pytest.raises(ValueError, match="multiple"):
        S1Config(head=7)
