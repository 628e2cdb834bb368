"""Clips ready for training, one safetensors file each: nothing is computed twice, and nothing in them can run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from gptsovits.errors import BrokenVoice
from gptsovits.runtime.sampling import Floats, Tokens
from gptsovits.whole import replacing

TOKEN_RATE = 25


@dataclass(frozen=True)
class TrainingClip:
    """``wave (L,)`` at the rate of stage 2, ``ssl (C, T)`` at 50 Hz, ``phones (N,)``, ``codes (T / 2,)``.

    ``bert (D, N)`` only for Mandarin, ``speaker (1, sv_dim)`` only for the Pro versions.
    """

    name: str
    wave: Floats
    ssl: Floats
    phones: Tokens
    codes: Tokens
    bert: Floats | None = None
    speaker: Floats | None = None


def write_clip(folder: Path, clip: TrainingClip) -> Path:
    """Writes ``folder/<name>.safetensors``."""
    fields = ("wave", "ssl", "phones", "codes", "bert", "speaker")
    tensors = {name: np.ascontiguousarray(getattr(clip, name)) for name in fields if getattr(clip, name) is not None}
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{clip.name}.safetensors"
    with replacing(path) as beside:
        save_file(tensors, beside)
    return path


def read_clips(folder: Path) -> list[TrainingClip]:
    """All clips of a folder by name; a damaged one is an error and never silence."""
    paths = sorted(folder.glob("*.safetensors"))
    if not paths:
        raise BrokenVoice(f"{folder} holds no clips; make them with `python -m gptsovits.train prepare`.")
    return [_read(path) for path in paths]


def _read(path: Path) -> TrainingClip:
    try:
        tensors: Mapping[str, np.ndarray] = load_file(path)
        return TrainingClip(
            path.stem, tensors["wave"], tensors["ssl"], tensors["phones"], tensors["codes"], tensors.get("bert"),
            tensors.get("speaker"),
        )  # fmt: skip
    except (SafetensorError, KeyError, OSError) as error:
        raise BrokenVoice(f"{path} is no training clip ({error}); prepare the clips again.") from error


def repeated(items: Sequence[TrainingClip]) -> list[TrainingClip]:
    """Fewer than 100 clips are repeated, as the published recipe does."""
    return list(items) * max(2, int(100 / len(items))) if len(items) < 100 else list(items)
