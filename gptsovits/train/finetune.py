"""A fine-tune of original files: clips and starting weights in, original files and a report out."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from gptsovits.arch.discriminator import Discriminator
from gptsovits.arch.loading import Tensors, dump, fill, load_s1, load_s2
from gptsovits.errors import BrokenVoice
from gptsovits.formats.checkpoint import VoiceFile
from gptsovits.formats.checkpoint_writer import HEADS, distributed, write_checkpoint
from gptsovits.formats.kinds import complete_config
from gptsovits.train.clips import TrainingClip
from gptsovits.train.loop import OnEpoch, Place, Rows, train_stage1, train_stage2
from gptsovits.train.moved import timbre_moved
from gptsovits.train.s1_trainer import S1Options, S1Trainer
from gptsovits.train.s2_trainer import S2Options, S2Trainer, freeze_all_but
from gptsovits.train.scope import Scope, stage1_prefixes, stage2_prefixes
from gptsovits.whole import write_whole

REPORT = "report.json"


@dataclass(frozen=True)
class Recipe:
    """What the original's page sets, with its defaults. ``batch`` in clips; ``device`` "cpu" or "cuda".

    ``batches`` ends an epoch after so many of them: a trial of the whole way, no fine-tune.
    """

    scope: Scope = "all"
    s1_epochs: int = 15
    s2_epochs: int = 8
    batch: int = 4
    text_low_lr_rate: float = 0.4
    preference: bool = False
    device: str = "cpu"
    mixed: bool = False
    seed: int = 1234
    batches: int | None = None

    @property
    def rows(self) -> Rows:
        """How an epoch is cut."""
        return Rows(self.batch, self.batches)


@dataclass(frozen=True)
class Start:
    """Starting weights: both stages, and the discriminator where there is one."""

    stage1: VoiceFile
    stage2: VoiceFile
    discriminator: Tensors | None = None


def finetune(
    start: Start, clips: Sequence[TrainingClip], out: Path, name: str, recipe: Recipe, told: OnEpoch
) -> dict[str, Any]:
    """Writes ``<name>-e<epochs>.ckpt``, ``<name>_e<epochs>_s<steps>.pth`` and ``report.json`` to ``out``; the report.

    Called again after a kill it goes on after the last whole epoch and ends with the same weights; more epochs may be
    asked for then. Raises :class:`gptsovits.errors.BrokenVoice` when clips or weights do not fit, or when ``out``
    holds the state of a fine-tune that was begun with others.
    """
    out.mkdir(parents=True, exist_ok=True)
    report: dict[str, Any] = {"scope": recipe.scope, "clips": len(clips), "changed": {}}
    report["files"] = [_stage1(start, clips, out, name, recipe, told, report)]
    report["files"].append(_stage2(start, clips, out, name, recipe, told, report))
    write_whole(out / REPORT, json.dumps(report, indent=1, sort_keys=True) + "\n")
    return report


def _stage1(
    start: Start, clips: Sequence[TrainingClip], out: Path, name: str, recipe: Recipe, told: OnEpoch,
    report: dict[str, Any],
) -> str:  # fmt: skip
    base = start.stage1
    torch.manual_seed(recipe.seed)
    network = load_s1(base.tensors, base.config).to(recipe.device)
    prefixes = stage1_prefixes(recipe.scope, network)
    epochs = recipe.s1_epochs if prefixes else 0
    if epochs:
        freeze_all_but(network, prefixes)
        options = S1Options(preference=recipe.preference, seed=recipe.seed, mixed=recipe.mixed)
        place = Place(out / "state" / "s1.pt", _begun(recipe, clips, base.tensors))
        train_stage1(S1Trainer(network, options), clips, epochs, recipe.rows, place, told)
    tensors = _merged(base.tensors, dump(network), prefixes)
    report["changed"]["s1"] = _changed(base.tensors, tensors)
    path = out / f"{name}-e{epochs}.ckpt"
    write_checkpoint(path, tensors, base.config, f"GPT-e{epochs}")
    return path.name


def _stage2(
    start: Start, clips: Sequence[TrainingClip], out: Path, name: str, recipe: Recipe, told: OnEpoch,
    report: dict[str, Any],
) -> str:  # fmt: skip
    base = start.stage2
    torch.manual_seed(recipe.seed)
    before = load_s2(base.tensors, base.config)
    prefixes = stage2_prefixes(recipe.scope, before)
    after, updates, epochs = before, 0, recipe.s2_epochs if prefixes else 0
    if epochs:
        trainer = _stage2_trainer(start, prefixes, recipe)
        place = Place(out / "state" / "s2.pt", _begun(recipe, clips, base.tensors, start.discriminator or {}))
        train_stage2(trainer, clips, epochs, recipe.rows, place, told)
        updates, after = trainer.updates, trainer.network
    tensors = _merged(base.tensors, dump(after), prefixes)
    report["changed"]["s2"] = _changed(base.tensors, tensors)
    rounded = copy.deepcopy(before)
    fill(rounded, distributed(tensors))
    report["timbre"] = timbre_moved(before, rounded.eval(), clips)
    path = out / f"{name}_e{epochs}_s{updates}.pth"
    info, head = f"{epochs}epoch_{updates}iteration", HEADS.get(base.kind, "PK")
    write_checkpoint(path, distributed(tensors), base.config, info, head=head, config_style="hparams")
    return path.name


def _begun(recipe: Recipe, clips: Sequence[TrainingClip], *weights: Tensors) -> str:
    """Digest of what decides the outcome, but for how many epochs and where it is computed."""
    settings = replace(recipe, s1_epochs=0, s2_epochs=0, device="")
    digest = hashlib.blake2b(repr(settings).encode(), digest_size=16)
    for tensors in (*map(vars, clips), *weights):
        for name, value in sorted(tensors.items()):
            digest.update(name.encode() + (value.tobytes() if hasattr(value, "tobytes") else repr(value).encode()))
    return digest.hexdigest()


def _stage2_trainer(start: Start, prefixes: tuple[str, ...], recipe: Recipe) -> S2Trainer:
    base = start.stage2
    if not any(key.startswith("enc_q.") for key in base.tensors):
        raise BrokenVoice(
            "The stage-2 file has no posterior encoder (enc_q), without which it cannot learn: "
            "start from the base model (s2G), as distributed voices do not carry it."
        )
    network = load_s2(base.tensors, complete_config(base.tensors, base.config), posterior=True).to(recipe.device)
    freeze_all_but(network, prefixes)
    judge = Discriminator.for_config(network.config)
    if start.discriminator is not None:
        fill(judge, start.discriminator)
    options = S2Options(text_low_lr_rate=recipe.text_low_lr_rate, mixed=recipe.mixed)
    return S2Trainer(network, judge.to(recipe.device), options)


def _merged(base: Tensors, learned: Mapping[str, Any], prefixes: tuple[str, ...]) -> dict[str, Any]:
    """What may have changed from ``learned`` in the type of ``base``; the rest is the very data of ``base``."""
    return {
        name: learned[name].astype(value.dtype) if name in learned and name.startswith(prefixes or ("\0",)) else value
        for name, value in base.items()
    }


def _changed(base: Tensors, tensors: Mapping[str, Any]) -> dict[str, int]:
    different = sum(value.tobytes() != tensors[name].tobytes() for name, value in base.items())
    return {"tensors": different, "of": len(base)}
