"""A training run cut into legs: state on disk, replaced atomically, so that any leg may be the last or be killed."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

_SAVE_EVERY = 90.0
_REPORT_EVERY = 20.0


@dataclass
class Run:
    """One training run: its networks, optimiser, planned length, and what has happened so far."""

    folder: Path
    modules: nn.ModuleDict
    learning_rate: float
    planned_seconds: float
    trained_seconds: float = 0.0
    step: int = 0
    curve: list[dict[str, float]] = field(default_factory=list)
    optimiser: torch.optim.AdamW = field(init=False)

    def __post_init__(self) -> None:
        self.optimiser = torch.optim.AdamW(
            self.modules.parameters(), self.learning_rate, betas=(0.9, 0.98), weight_decay=0.01
        )
        self._restore()

    @property
    def progress(self) -> float:
        """Share of the planned time that is over, 0..1."""
        return min(self.trained_seconds / self.planned_seconds, 1.0)

    def rate(self) -> float:
        """Learning rate now: short warm-up, flat, and a linear fall over the second half."""
        warm = min((self.step + 1) / 100, 1.0)
        return self.learning_rate * warm * max(min(1.0, 2.0 * (1 - self.progress)), 0.02)

    def leg(self, seconds: float, losses: Callable[[], Mapping[str, Tensor]], report: Callable[[str], None]) -> None:
        """Trains for ``seconds``, or less if the plan ends before; ``losses()`` holds the sum under ``total``."""
        begin = saved = reported = time.monotonic()
        offset = self.trained_seconds
        sums: dict[str, float] = {}
        count = 0
        while time.monotonic() - begin < seconds and self.trained_seconds < self.planned_seconds:
            values = losses()
            self._update(values["total"])
            count += 1
            for name, value in values.items():
                sums[name] = sums.get(name, 0.0) + float(value.detach())
            now = time.monotonic()
            self.trained_seconds = offset + now - begin
            if now - reported > _REPORT_EVERY:
                self._note({name: total / count for name, total in sums.items()}, report)
                sums, count, reported = {}, 0, now
            if now - saved > _SAVE_EVERY:
                self.save()
                saved = now
        self.save()

    def _update(self, loss: Tensor) -> None:
        for group in self.optimiser.param_groups:
            group["lr"] = self.rate()
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.modules.parameters(), 2.0)
        self.optimiser.step()
        self.step += 1

    def _note(self, means: dict[str, float], report: Callable[[str], None]) -> None:
        self.curve.append({"step": self.step, "seconds": round(self.trained_seconds), **means})
        values = " ".join(f"{name} {value:.4f}" for name, value in means.items())
        report(f"step {self.step} {self.trained_seconds:.0f}s {values}")

    @staticmethod
    def history(folder: Path) -> dict[str, Any]:
        """Step, trained seconds and curve of a saved run."""
        state: dict[str, Any] = json.loads((folder / "state.json").read_text())
        return state

    def save(self) -> None:
        """Writes weights, optimiser and curve; a kill in between leaves the earlier state whole."""
        self.folder.mkdir(parents=True, exist_ok=True)
        _replace(self.folder / "optimiser.pt", lambda path: torch.save(self.optimiser.state_dict(), path))
        weights = {name: value.detach().contiguous() for name, value in self.modules.state_dict().items()}
        _replace(self.folder / "weights.safetensors", lambda path: save_file(weights, path))
        state = {"step": self.step, "trained_seconds": self.trained_seconds, "curve": self.curve}
        _replace(self.folder / "state.json", lambda path: path.write_text(json.dumps(state)))

    def _restore(self) -> None:
        path = self.folder / "state.json"
        if not path.exists():
            return
        state = self.history(self.folder)
        self.step, self.trained_seconds, self.curve = state["step"], state["trained_seconds"], state["curve"]
        self.modules.load_state_dict(load_file(self.folder / "weights.safetensors"))
        self.optimiser.load_state_dict(torch.load(self.folder / "optimiser.pt", weights_only=True))


def _replace(path: Path, write: Callable[[Path], object]) -> None:
    partial = path.with_name(path.name + ".partial")
    write(partial)
    os.replace(partial, path)
