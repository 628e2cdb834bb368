"""A base as a voice that nobody has tuned."""

from __future__ import annotations

import json
from pathlib import Path

from safetensors.numpy import load_file

from gptsovits.formats.checkpoint_writer import write_checkpoint


def write_pair(base: Path, folder: Path) -> tuple[Path, Path]:
    """Both stages of the base in the folder `base` as original files in `folder`, which can be pushed."""
    folder.mkdir(parents=True, exist_ok=True)
    configs = json.loads((base / "base.json").read_text(encoding="utf-8"))["config"]
    pair = (folder / "base.ckpt", folder / "base.pth")
    for stage, path in zip(("s1", "s2"), pair, strict=True):
        write_checkpoint(path, load_file(base / f"{stage}.safetensors"), configs[stage], "nano base, not tuned")
    return pair
