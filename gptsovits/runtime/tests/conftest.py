"""Voices exported once from the recorded checkpoints."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from gptsovits.export.bundle import export_bundle
from gptsovits.formats.checkpoint import read_voice_file

GOLDEN = Path(__file__).parents[3] / "tests" / "data" / "golden"
BundleOf = Callable[[str], Path]


@pytest.fixture(scope="session")
def bundle_of(tmp_path_factory: pytest.TempPathFactory) -> BundleOf:
    """Exports a recorded stage-2 file with the recorded stage-1 file, once per session."""
    torch.set_num_threads(1)
    made: dict[str, Path] = {}

    def export(name: str) -> Path:
        if name not in made:
            stage1 = read_voice_file(GOLDEN / "checkpoints" / "tiny-e15.ckpt")
            stage2 = read_voice_file(GOLDEN / "checkpoints" / name)
            out = tmp_path_factory.mktemp("bundle")
            made[name] = export_bundle(stage1.tensors, stage1.config, stage2.tensors, stage2.config, out)
        return made[name]

    return export
