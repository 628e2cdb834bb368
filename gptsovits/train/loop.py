"""Epochs of both stages with exact resume: the state is kept after every epoch."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Protocol, TypeVar

import torch

from gptsovits.arch.s1_loss import S1Batch
from gptsovits.arch.s2 import S2Batch
from gptsovits.errors import UNREADABLE, BrokenVoice
from gptsovits.train.batches import stage1_batches, stage1_items, stage2_batches, stage2_items
from gptsovits.train.clips import TrainingClip
from gptsovits.train.s1_trainer import S1Trainer
from gptsovits.train.s2_trainer import S2Trainer


@dataclass(frozen=True)
class EpochDone:
    """Which epoch of how many is done, and the mean of the losses in it."""

    stage: str
    epoch: int
    epochs: int
    losses: dict[str, float]


@dataclass(frozen=True)
class Rows:
    """How an epoch is cut: ``size`` clips a batch, and the most batches, where it shall not be all of them."""

    size: int
    most: int | None = None


@dataclass(frozen=True)
class Place:
    """The file of a state, and the digest of what the training was begun with."""

    path: Path
    begun: str


OnEpoch = Callable[[EpochDone], None]
Batch = TypeVar("Batch", S1Batch, S2Batch)


class Resumable(Protocol):
    """What both trainers can do."""

    def state(self) -> dict[str, Any]:
        """All of it."""

    def resume(self, state: dict[str, Any]) -> None:
        """Continues from it."""


def train_stage1(
    trainer: S1Trainer, clips: Sequence[TrainingClip], epochs: int, cut: Rows, place: Place, told: OnEpoch
) -> None:
    """Runs the epochs that are not done yet; ``place`` keeps the state."""
    items = stage1_items(clips)
    for epoch in range(_resumed(trainer, place), epochs):
        losses: list[dict[str, float]] = []
        batches = stage1_batches(items, cut.size, epoch, trainer.network.config.bert_dim)
        for rows in islice(batches, cut.most):
            result = trainer.step(on_device(rows, trainer.device))
            tokens = int(rows.token_lengths.sum()) + len(rows.token_lengths)
            losses.append({"loss": float(result.loss.detach()) / tokens, "top_3": float(result.accuracy)})
        trainer.end_epoch()
        _keep(trainer, epoch + 1, place)
        told(EpochDone("s1", epoch + 1, epochs, _mean(losses)))


def train_stage2(
    trainer: S2Trainer, clips: Sequence[TrainingClip], epochs: int, cut: Rows, place: Place, told: OnEpoch
) -> None:
    """Runs the epochs that are not done yet; ``place`` keeps the state."""
    config = trainer.network.config.spectrogram
    items = stage2_items(clips, config)
    for epoch in range(_resumed(trainer, place), epochs):
        batches = islice(stage2_batches(items, cut.size, epoch, config), cut.most)
        losses = [vars(trainer.step(on_device(rows, trainer.device))) for rows in batches]
        trainer.end_epoch()
        _keep(trainer, epoch + 1, place)
        told(EpochDone("s2", epoch + 1, epochs, _mean(losses)))


def on_device(batch: Batch, device: torch.device) -> Batch:
    """The batch where the network is."""
    return replace(batch, **{name: value.to(device) for name, value in vars(batch).items() if value is not None})


def _resumed(trainer: Resumable, place: Place) -> int:
    """How many epochs are done."""
    if not place.path.is_file():
        return 0
    try:
        kept = torch.load(place.path, weights_only=True, map_location="cpu")
    except UNREADABLE as error:
        reason = str(error).partition("\n")[0][:200]
        raise BrokenVoice(f"{place.path} is damaged ({reason}); delete that file to begin this stage anew.") from error
    if kept.get("begun", place.begun) != place.begun:
        raise BrokenVoice(
            f"{place.path} is the state of a fine-tune of other clips, base files or settings: "
            "write to another folder, or delete that file to begin anew."
        )
    trainer.resume(kept["trainer"])
    return int(kept["epochs"])


def _keep(trainer: Resumable, epochs: int, place: Place) -> None:
    """Written beside and renamed: a kill leaves the old state or the new one."""
    place.path.parent.mkdir(parents=True, exist_ok=True)
    beside = place.path.with_suffix(".new")
    with beside.open("wb") as file:
        torch.save({"trainer": trainer.state(), "epochs": epochs, "begun": place.begun}, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(beside, place.path)


def _mean(losses: list[dict[str, float]]) -> dict[str, float]:
    def over(name: str) -> Iterator[float]:
        return (one[name] for one in losses)

    return {name: sum(over(name)) / len(losses) for name in losses[0]} if losses else {}
