"""Training lowers the loss, leaves frozen parts alone, and resumes to the bit."""

from __future__ import annotations

import copy
import random
from pathlib import Path

import pytest
import torch

from gptsovits.arch.discriminator import Discriminator
from gptsovits.arch.s1 import Text2Semantic
from gptsovits.arch.s1_loss import S1Batch
from gptsovits.arch.s2 import S2Batch, Synthesizer
from gptsovits.config import S1Config
from gptsovits.parity.recordings import Group, read_manifest
from gptsovits.parity.stage2 import load_network, read_batch
from gptsovits.train.loop import on_device
from gptsovits.train.s1_trainer import S1Options, S1Trainer, published_schedule, spoiled
from gptsovits.train.s2_trainer import S2Options, S2Trainer, freeze_all_but

torch.set_num_threads(1)
GOLDEN = Path(__file__).parents[3] / "tests" / "data" / "golden"
CPU = torch.device("cpu")
SMALL = S1Config(
    vocab_size=33, phoneme_vocab_size=20, embedding_dim=16, hidden_dim=16, head=2, n_layer=2, EOS=32, bert_dim=0
)


def _batch() -> S1Batch:
    torch.manual_seed(9)
    return S1Batch(
        torch.randint(20, (3, 6)), torch.tensor([6, 4, 5]), None, torch.randint(32, (3, 12)), torch.tensor([12, 9, 4])
    )


def _stage1(options: S1Options | None = None) -> S1Trainer:
    torch.manual_seed(1)
    return S1Trainer(Text2Semantic(SMALL), options)


@pytest.mark.parametrize("preference", [False, True])
def test_stage_1_lowers_the_loss_of_a_batch(preference: bool) -> None:
    trainer, batch = _stage1(S1Options(preference=preference)), _batch()
    losses = [float(trainer.step(batch).loss.detach()) for _ in range(81)]
    assert trainer.updates == 20
    assert losses[-1] < 0.95 * losses[0]


def test_stage_1_updates_after_every_fourth_batch_and_first_at_a_higher_rate() -> None:
    trainer, batch, updates = _stage1(), _batch(), []
    for _ in range(9):
        trainer.step(batch)
        updates.append(trainer.updates)
    assert updates == [0, 0, 0, 0, 1, 1, 1, 1, 2]
    assert [published_schedule(step) for step in range(3)] == [0.01, 0.002, 0.002]


def test_stage_1_resumes_to_the_bit() -> None:
    trainer, batch = _stage1(S1Options(preference=True)), _batch()
    for _ in range(7):
        trainer.step(batch)
    state = copy.deepcopy(trainer.state())
    through = [float(trainer.step(batch).loss.detach()) for _ in range(6)]
    other = _stage1(S1Options(preference=True))
    other.resume(state)
    assert [float(other.step(batch).loss.detach()) for _ in range(6)] == through


def test_spoiled_rows_repeat_or_lose_a_span() -> None:
    batch = _batch()
    rows, lengths = spoiled(batch, random.Random(5))
    assert rows.shape == (3, int(lengths.max()))
    for row, length, original in zip(rows, lengths.tolist(), batch.tokens, strict=True):
        assert row[0] == original[0] or length < 12
        assert length >= 1


def stage2(device: torch.device = CPU, mixed: bool = False) -> tuple[S2Trainer, S2Batch]:
    """A trainer of the recorded network, and its recorded batch."""
    file = "small/s2_cases.safetensors"
    group = Group(GOLDEN, file, read_manifest(GOLDEN)["files"][file])
    network = load_network(group)
    torch.manual_seed(2)
    batch = on_device(read_batch(group, network.config.spectrogram), device)
    judge = Discriminator(periods=(2,))
    return S2Trainer(network.to(device), judge.to(device), S2Options(mixed=mixed)), batch


def test_stage_2_leaves_the_quantiser_alone_and_resumes_to_the_bit() -> None:
    trainer, batch = stage2()
    frozen = {name: value.clone() for name, value in _quantising(trainer.network).items()}
    before = trainer.network.dec.conv_post.weight.clone()
    trainer.step(batch)
    trainer.end_epoch()
    state = copy.deepcopy(trainer.state())
    through = trainer.step(batch)
    assert not torch.equal(before, trainer.network.dec.conv_post.weight)
    for name, value in _quantising(trainer.network).items():
        assert torch.equal(value, frozen[name]), name
    other, _ = stage2()
    other.resume(state)
    assert other.step(batch) == through
    rates = [group["lr"] for group in other.generator_optimiser.param_groups]
    assert rates == pytest.approx([1e-4 * 0.999875**2, 0.4e-4 * 0.999875**2])


def _quantising(network: Synthesizer) -> dict[str, torch.Tensor]:
    return {name: value for name, value in network.state_dict().items() if name.startswith(("ssl_proj", "quantizer"))}


def test_a_scope_leaves_the_rest_without_gradient() -> None:
    network = Text2Semantic(SMALL)
    freeze_all_but(network, ("model.h.layers.1.", "model.ar_predict_layer."))
    learned = {name for name, value in network.named_parameters() if value.requires_grad}
    assert learned
    assert all(name.startswith(("model.h.layers.1.", "model.ar_predict_layer.")) for name in learned)
    before = {name: value.clone() for name, value in network.state_dict().items() if name not in learned}
    trainer = S1Trainer(network)
    for _ in range(5):
        trainer.step(_batch())
    assert trainer.updates == 1
    assert all(torch.equal(network.state_dict()[name], value) for name, value in before.items())
