"""One training step of stage 2 after another, resumable to the bit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from gptsovits.arch.discriminator import Discriminator
from gptsovits.arch.s2 import S2Batch, Synthesizer
from gptsovits.train import randomness
from gptsovits.train.mel import MelFrontEnd
from gptsovits.train.precision import MixedPrecision
from gptsovits.train.s2_losses import KL_WEIGHT, MEL_WEIGHT, discriminator_loss, generator_losses, real_crop

TEXT_PARTS = ("enc_p.text_embedding.", "enc_p.encoder_text.", "enc_p.mrte.")
"""These learn at a lower rate, so that few clips do not spoil what they know of the language."""


@dataclass(frozen=True)
class S2Options:
    """Learning constants of the published model; ``lr_decay`` applies once per epoch."""

    learning_rate: float = 1e-4
    betas: tuple[float, float] = (0.8, 0.99)
    eps: float = 1e-9
    lr_decay: float = 0.999875
    text_low_lr_rate: float = 0.4
    c_mel: float = MEL_WEIGHT
    c_kl: float = KL_WEIGHT
    mixed: bool = False
    """Mixed precision: float16 with a scaler on a GPU, bfloat16 on a CPU."""


@dataclass(frozen=True)
class S2Step:
    """Losses of one step, weighted as they are minimised."""

    discriminator: float
    adversarial: float
    features: float
    mel: float
    kl: float


class S2Trainer:
    """Generator and discriminator with their optimisers.

    Frozen parts (``ssl_proj`` and the quantiser of a published base) never change: tokens stay interchangeable between
    voices.
    """

    def __init__(self, network: Synthesizer, judge: Discriminator, options: S2Options | None = None) -> None:
        self.network, self.judge = network.train(), judge.train()
        self.options = options or S2Options()
        self.device = next(network.parameters()).device
        self.front_end = MelFrontEnd(network.config.spectrogram).to(self.device)
        self._precision = MixedPrecision(self.device, self.options.mixed)
        shared = {"lr": self.options.learning_rate, "betas": self.options.betas, "eps": self.options.eps}
        self.generator_optimiser = torch.optim.AdamW(list(self._groups()), **shared)  # type: ignore[arg-type]
        self.judge_optimiser = torch.optim.AdamW(judge.parameters(), **shared)  # type: ignore[arg-type]
        self.epoch = 0
        self.updates = 0
        # The original also decays once before the first epoch.
        self._decay()

    def step(self, batch: S2Batch) -> S2Step:
        """Forward, discriminator step, generator step."""
        noise = torch.randn(len(batch.spec), self.network.config.inter_channels, batch.spec.shape[2])
        with self._precision.forward():
            output = self.network(batch, noise.to(batch.spec), torch.rand(len(batch.spec)).to(batch.spec))
            real = real_crop(batch, output, self.network.config.spectrogram.hop_length)
            judged = discriminator_loss(self.judge, real, output.wave)
        self._descend(self.judge_optimiser, judged)
        with self._precision.forward():
            losses = generator_losses(
                self.judge, self.front_end, batch, output, real, self.options.c_mel, self.options.c_kl
            )
        self._descend(self.generator_optimiser, losses.total)
        self._precision.update()
        self.updates += 1
        terms = (judged, losses.adversarial, losses.features, losses.mel, losses.kl)
        return S2Step(*(float(term.detach()) for term in terms))

    def end_epoch(self) -> None:
        """Counts the epoch and lowers the learning rates."""
        self.epoch += 1
        self._decay()

    def state(self) -> dict[str, Any]:
        """All that an exact resume needs, the random generator included."""
        return {
            "model": self.network.state_dict(),
            "judge": self.judge.state_dict(),
            "generator_optimiser": self.generator_optimiser.state_dict(),
            "judge_optimiser": self.judge_optimiser.state_dict(),
            "epoch": self.epoch,
            "updates": self.updates,
            **randomness.kept(self.device),
            "precision": self._precision.state(),
        }

    def resume(self, state: dict[str, Any]) -> None:
        """Continues from :meth:`state`."""
        self.network.load_state_dict(state["model"])
        self.judge.load_state_dict(state["judge"])
        self.generator_optimiser.load_state_dict(state["generator_optimiser"])
        self.judge_optimiser.load_state_dict(state["judge_optimiser"])
        self.epoch, self.updates = int(state["epoch"]), int(state["updates"])
        randomness.restored(state, self.device)
        self._precision.resume(state["precision"])

    def _descend(self, optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
        optimiser.zero_grad()
        self._precision.backward(loss)
        self._precision.step(optimiser)

    def _groups(self) -> Iterator[dict[str, Any]]:
        learned = [(name, value) for name, value in self.network.named_parameters() if value.requires_grad]
        text = [value for name, value in learned if name.startswith(TEXT_PARTS)]
        rest = [value for name, value in learned if not name.startswith(TEXT_PARTS)]
        yield {"params": rest}
        yield {"params": text, "lr": self.options.learning_rate * self.options.text_low_lr_rate}

    def _decay(self) -> None:
        for optimiser in (self.generator_optimiser, self.judge_optimiser):
            for group in optimiser.param_groups:
                group["lr"] *= self.options.lr_decay


def freeze_all_but(network: nn.Module, prefixes: tuple[str, ...]) -> None:
    """Leaves only parameters under ``prefixes`` to be learned: everything else stays bit-identical."""
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(parameter.requires_grad and name.startswith(prefixes))
