"""A training on a GPU learns what it learns on a processor, and goes on after a kill where it was."""

from __future__ import annotations

import copy
import math
from dataclasses import replace

import pytest
import torch

from gptsovits.arch.s1 import Text2Semantic
from gptsovits.arch.s1_loss import S1Batch
from gptsovits.config import S1Config
from gptsovits.train.loop import on_device
from gptsovits.train.s1_trainer import S1Options, S1Trainer
from gptsovits.train.tests.test_trainers import CPU, stage2

GPU = torch.device("cuda")
SMALL = S1Config(
    vocab_size=65, phoneme_vocab_size=20, embedding_dim=64, hidden_dim=64, head=4, n_layer=3, EOS=64, bert_dim=0
)


@pytest.fixture(autouse=True)
def exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """Float32 as float32, and the same algorithms each time: what is compared is this code."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", True)


def _rows(device: torch.device) -> S1Batch:
    draw = torch.Generator().manual_seed(9)
    phones, tokens = torch.randint(20, (3, 6), generator=draw), torch.randint(64, (3, 12), generator=draw)
    return on_device(S1Batch(phones, torch.tensor([6, 4, 5]), None, tokens, torch.tensor([12, 9, 4])), device)


def _stage1(device: torch.device, dropout: float, mixed: bool = False) -> S1Trainer:
    torch.manual_seed(1)
    network = Text2Semantic(replace(SMALL, layer_dropout=dropout))
    return S1Trainer(network.to(device), S1Options(mixed=mixed))


def _stage1_losses(trainer: S1Trainer, steps: int) -> list[float]:
    batch = _rows(trainer.device)
    return [float(trainer.step(batch).loss.detach()) for _ in range(steps)]


def test_stage_1_learns_what_it_learns_on_a_processor() -> None:
    here, there = _stage1_losses(_stage1(CPU, 0.0), 41), _stage1_losses(_stage1(GPU, 0.0), 41)
    assert here[-1] < 0.95 * here[0]
    assert there == pytest.approx(here, rel=1e-3)


def test_stage_2_learns_what_it_learns_on_a_processor() -> None:
    runs = []
    for device in (CPU, GPU):
        trainer, batch = stage2(device)
        # Without dropout: each device draws its own.
        for module in trainer.network.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        runs.append([trainer.step(batch) for _ in range(5)])
    for here, there in zip(*runs, strict=True):
        assert vars(there) == pytest.approx(vars(here), rel=2e-2)
    assert runs[1][-1].mel < runs[1][0].mel


@pytest.mark.parametrize("mixed", [False, True])
def test_stage_1_goes_on_with_the_draws_of_the_gpu(mixed: bool) -> None:
    trainer = _stage1(GPU, 0.1, mixed)
    _stage1_losses(trainer, 7)
    state = copy.deepcopy(trainer.state())
    through = _stage1_losses(trainer, 6)
    other = _stage1(GPU, 0.1, mixed)
    other.resume(state)
    assert _stage1_losses(other, 6) == pytest.approx(through, rel=1e-4)


@pytest.mark.parametrize("mixed", [False, True])
def test_stage_2_goes_on_where_it_was(mixed: bool) -> None:
    trainer, batch = stage2(GPU, mixed)
    trainer.step(batch)
    trainer.end_epoch()
    state = copy.deepcopy(trainer.state())
    through = trainer.step(batch)
    other, _ = stage2(GPU, mixed)
    other.resume(state)
    assert vars(other.step(batch)) == pytest.approx(vars(through), rel=1e-3)
    assert all(math.isfinite(value) for value in vars(through).values())
