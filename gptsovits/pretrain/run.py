"""The four runs of the nano base, in order, and the assembly of the base folder from their states."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from gptsovits.nano.base import CONTENT_FILE, S1_FILE, S2_FILE
from gptsovits.nano.config import NanoConfig
from gptsovits.pretrain.acoustic import AcousticTraining, acoustic_modules
from gptsovits.pretrain.content import ContentTraining, content_modules
from gptsovits.pretrain.features import Corpus
from gptsovits.pretrain.legs import Run
from gptsovits.pretrain.semantic import SemanticTraining, semantic_modules
from gptsovits.pretrain.vocoder import VocoderTraining, vocoder_modules

Report = Callable[[str], None]
_REFRESH_EVERY = 240.0
_CRITICS_FROM = 0.45


@dataclass(frozen=True)
class Plan:
    """Seconds of one processor core for each run."""

    content: float = 780
    vocoder: float = 2400
    acoustic: float = 2700
    semantic: float = 3640


RUNS = tuple(asdict(Plan()))
_RATES = {"content": 1.5e-3, "vocoder": 1.2e-3, "acoustic": 1.5e-3, "semantic": 1.5e-3}


class Training(Protocol):
    """Something that yields losses from a corpus."""

    def refresh(self) -> None:
        """Takes up new shards."""

    def losses(self, progress: float) -> Mapping[str, Tensor]:
        """Losses of the next batch."""


def modules_of(name: str, config: NanoConfig) -> nn.ModuleDict:
    """Networks of the run ``name``."""
    makers: dict[str, Callable[[], nn.ModuleDict]] = {
        "content": lambda: content_modules(config),
        "vocoder": lambda: vocoder_modules(config),
        "acoustic": lambda: acoustic_modules(config),
        "semantic": lambda: semantic_modules(config.codebook_size),
    }
    return makers[name]()


def finished_modules(name: str, config: NanoConfig, runs: Path) -> nn.ModuleDict:
    """Networks of a run with the weights of its latest state."""
    modules = modules_of(name, config)
    modules.load_state_dict(load_file(runs / name / "weights.safetensors"))
    return modules.eval()


def train(
    name: str, config: NanoConfig, corpus: Path, runs: Path, seconds: float, plan: Plan, report: Report,
    start: Path | None = None,
) -> bool:  # fmt: skip
    """One leg of the run ``name``; True when its plan is fulfilled.

    A run that has no state yet begins with those weights of the base folder ``start`` that fit.
    """
    run = Run(runs / name, modules_of(name, config), _RATES[name], asdict(plan)[name])
    if run.progress >= 1.0:
        return True
    if run.step == 0 and start is not None:
        report(f"{name}: {take_fitting(run.modules, base_weights(name, start))} tensors of {start}")
    torch.manual_seed(run.step)
    training = _training(name, run, Corpus(corpus))
    refreshed = time.monotonic()

    def losses() -> Mapping[str, Tensor]:
        nonlocal refreshed
        if time.monotonic() - refreshed > _REFRESH_EVERY:
            training.refresh()
            refreshed = time.monotonic()
        return training.losses(run.progress)

    run.leg(seconds, losses, lambda line: report(f"{name}: {line}"))
    return run.progress >= 1.0


def base_weights(name: str, base: Path) -> dict[str, Tensor]:
    """Weights of a base folder under the names of the networks of the run ``name``."""
    if name == "semantic":
        return {f"s1.{key}": value for key, value in load_file(base / S1_FILE).items()}
    if name == "content":
        stored = load_file(base / CONTENT_FILE)
        return {key if key.startswith("phone_head.") else f"content.{key}": value for key, value in stored.items()}
    return load_file(base / S2_FILE)


@torch.no_grad()
def take_fitting(modules: nn.ModuleDict, weights: Mapping[str, Tensor]) -> int:
    """Copies the weights whose names and shapes fit; returns how many did."""
    fitting = [
        (own, weights[name])
        for name, own in modules.named_parameters()
        if own.requires_grad and name in weights and weights[name].shape == own.shape
    ]
    for own, value in fitting:
        own.copy_(value)
    return len(fitting)


def _training(name: str, run: Run, corpus: Corpus) -> Training:
    seed = run.step + 1
    if name == "content":
        return ContentTraining(run.modules, corpus, seed)
    if name == "vocoder":
        return VocoderTraining(run.modules, corpus, seed, _CRITICS_FROM)
    if name == "acoustic":
        return AcousticTraining(run.modules, corpus, seed)
    return SemanticTraining(run.modules, corpus, seed)
