"""Training of stage 1: ScaledAdam over accumulated batches, resumable to the bit."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gptsovits.arch.s1 import Text2Semantic
from gptsovits.arch.s1_loss import S1Batch, S1Loss, preference_loss, training_loss
from gptsovits.train import randomness
from gptsovits.train.precision import MixedPrecision
from gptsovits.train.scaled_adam import ScaledAdam, ScaledAdamOptions

Schedule = Callable[[int], float]
"""Optimiser step (from 0) to learning rate."""
ACCUMULATED = 4


def published_schedule(step: int) -> float:
    """What the original does whatever its configuration says: 0.01 once, then 0.002."""
    return 0.01 if step == 0 else 0.002


@dataclass(frozen=True)
class S1Options:
    """``preference`` adds DPO against spoiled copies of the tokens."""

    preference: bool = False
    clip_main_step: bool = False
    seed: int = 1234
    mixed: bool = False
    """Mixed precision: float16 with a scaler on a GPU, bfloat16 on a CPU."""


class S1Trainer:
    """A network with its optimiser; parameters that require no gradient stay as they are."""

    def __init__(
        self, network: Text2Semantic, options: S1Options | None = None, schedule: Schedule = published_schedule
    ) -> None:
        self.network = network.train()
        self.options = options or S1Options()
        self.schedule = schedule
        learned = [parameter for parameter in network.parameters() if parameter.requires_grad]
        settings = ScaledAdamOptions(clip_main_step=self.options.clip_main_step)
        self.optimiser = ScaledAdam(learned, schedule(0), settings)
        self.updates = 0
        self.batch_of_epoch = 0
        self.device = next(network.parameters()).device
        self._precision = MixedPrecision(self.device, self.options.mixed)
        self._spoiler = random.Random(self.options.seed)

    def step(self, batch: S1Batch) -> S1Loss:
        """Adds the gradient of a batch; updates after the batches 4, 8, 12, ... of an epoch (counted from 0)."""
        with self._precision.forward():
            if self.options.preference:
                result = preference_loss(self.network, batch, *spoiled(batch, self._spoiler))
            else:
                result = training_loss(self.network, batch)
        self._precision.backward(result.loss)
        if self.batch_of_epoch > 0 and self.batch_of_epoch % ACCUMULATED == 0:
            self._update()
        self.batch_of_epoch += 1
        return result

    def end_epoch(self) -> None:
        """Gradients that are left over carry into the next epoch."""
        self.batch_of_epoch = 0

    def state(self) -> dict[str, Any]:
        """All that an exact resume needs, left-over gradients and random generators included."""
        return {
            "model": self.network.state_dict(),
            "gradients": {name: value.grad for name, value in self.network.named_parameters()},
            "optimiser": self.optimiser.state_dict(),
            "updates": self.updates,
            "batch_of_epoch": self.batch_of_epoch,
            **randomness.kept(self.device),
            "spoiler": self._spoiler.getstate(),
            "precision": self._precision.state(),
        }

    def resume(self, state: dict[str, Any]) -> None:
        """Continues from :meth:`state`."""
        self.network.load_state_dict(state["model"])
        for name, parameter in self.network.named_parameters():
            gradient = state["gradients"][name]
            parameter.grad = None if gradient is None else gradient.to(parameter.device, copy=True)
        self.optimiser.load_state_dict(state["optimiser"])
        self.updates, self.batch_of_epoch = int(state["updates"]), int(state["batch_of_epoch"])
        randomness.restored(state, self.device)
        self._spoiler.setstate(state["spoiler"])
        self._precision.resume(state["precision"])

    def _update(self) -> None:
        for group in self.optimiser.param_groups:
            group["lr"] = self.schedule(self.updates)
        self._precision.step(self.optimiser)
        self._precision.update()
        self.optimiser.zero_grad()
        self.updates += 1


def spoiled(batch: S1Batch, generator: random.Random) -> tuple[Tensor, Tensor]:
    """Rejected copies for DPO: a random span of each row is repeated or deleted.

    Returns tokens ``(B, M')`` and lengths ``(B,)``.
    """
    rows = []
    for tokens, length in zip(batch.tokens, batch.token_lengths.tolist(), strict=True):
        first, last = sorted((generator.randrange(length), generator.randrange(length)))
        row = tokens[:length]
        repeat = generator.random() < 0.5
        head, tail = (last, first) if repeat else (first, last)
        rows.append(torch.cat((row[:head], row[tail:])))
    lengths = torch.tensor([len(row) for row in rows], device=batch.tokens.device)
    return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True), lengths
