"""A directory of recordings: manifest, cases, configurations and weights, of any size."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from gptsovits.arch.loading import fill as fill_network
from gptsovits.errors import VoiceError
from gptsovits.parity.fill import filled

Case = Mapping[str, Tensor]


class Group:
    """The cases of one file of the manifest, next to the ``expected.json`` of its folder."""

    def __init__(self, root: Path, file: str, cases: Mapping[str, Any]) -> None:
        self.file = file
        self.names = list(cases)
        self.about = {name: str((facts or {}).get("about", "")) for name, facts in cases.items()}
        self.folder = (root / file).parent
        self._tensors = load_file(root / file)
        self.expected: dict[str, Any] = read_json(self.folder / "expected.json", {})

    def case(self, name: str) -> dict[str, Tensor]:
        """Tensors of a case by their own names; empty where it was not recorded."""
        prefix = name + "/"
        return {key[len(prefix) :]: value for key, value in self._tensors.items() if key.startswith(prefix)}

    def has(self, *names: str) -> bool:
        """Whether all these cases were recorded."""
        return all(name in self.names for name in names)

    def starting(self, *prefixes: str) -> list[str]:
        """The recorded cases whose names start so."""
        return [name for name in self.names if name.startswith(prefixes)]

    def number_in(self, name: str, words: str, default: float) -> float:
        """The number after ``words`` in what the manifest says about a case."""
        found = re.search(re.escape(words) + r"\s*(\d+(?:\.\d+)?)", self.about.get(name, ""))
        return float(found[1]) if found else default

    def load_weights(self, network: nn.Module, stage: str) -> None:
        """Fills ``network`` from ``<stage>_weights.safetensors`` beside the cases, else by the fill rule."""
        if self.stores_weights(stage):
            stored = load_file(self.folder / f"{stage}_weights.safetensors")
            fill_network(network, {name: value.numpy() for name, value in stored.items()})
        else:
            fill_by_rule(network)
        network.eval()

    def stores_weights(self, stage: str) -> bool:
        """Whether the weights lie in a file."""
        return (self.folder / f"{stage}_weights.safetensors").is_file()


def fill_by_rule(network: nn.Module, prefix: str = "") -> None:
    """Fills ``network`` by the fill rule."""
    shapes = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    network.load_state_dict({name: torch.from_numpy(value) for name, value in filled(shapes, prefix).items()})
    network.eval()


def read_manifest(root: Path) -> dict[str, Any]:
    """The parsed ``manifest.json``."""
    content = read_json(root / "manifest.json", None)
    if not isinstance(content, dict) or not isinstance(content.get("files"), dict):
        raise VoiceError(f"{root} is no directory of recordings: it needs a manifest.json that lists files and cases.")
    return content


def read_json(path: Path, missing: Any) -> Any:
    """A parsed file, or ``missing`` when it is not there."""
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else missing


def stored_column_step(full: int, stored: int) -> int:
    """Which every n-th column of ``full`` was recorded when ``stored`` are there."""
    return 1 if stored <= 1 else (full - 1) // (stored - 1)
