"""The recorded files of the original program, and hostile twins of them."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from gptsovits.parity.recorded_synthesis import write_recorded_features

GOLDEN = Path(__file__).resolve().parents[1] / "data" / "golden"
CHECKPOINTS = GOLDEN / "checkpoints"
S1 = CHECKPOINTS / "tiny-e15.ckpt"
CALL = b"cposix\nsystem\n(X\x04\x00\x00\x00truetR0"
"""GLOBAL posix.system, its argument, REDUCE, POP: runs a program and leaves no trace in the object."""


@dataclass(frozen=True)
class Recorded:
    """Feature files of a recorded synthesis, and what came out of it."""

    prompt: Path
    target: Path
    noise: Path
    tokens: list[int]
    wave: NDArray[np.float32]
    wave_without_noise: NDArray[np.float32]


def recorded_files(folder: Path) -> dict[str, Recorded]:
    """By family, "v2" and "v2Pro"."""
    cases = load_file(CHECKPOINTS / "synthesis.safetensors")
    made = {}
    for family in ("v2", "v2Pro"):
        prompt, target = write_recorded_features(GOLDEN, folder / family, family)
        noise = folder / family / "noise.safetensors"
        save_file({"noise": cases[f"{family}/noise"]}, noise)
        tokens = [int(t) for t in cases[f"{family}/semantic"][0, 0]]
        waves = [cases[f"{family}/{name}"][0, 0] for name in ("wav", "wav_noise0")]
        made[family] = Recorded(prompt, target, noise, tokens, *waves)
    return made


def hostile_twin(path: Path, head: str, target: Path) -> Path:
    """A copy of a checkpoint with a call hidden in its pickle, and `head` as its first two bytes."""
    original = path.read_bytes()
    source = zipfile.ZipFile(io.BytesIO(b"PK" + original[2:]))
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as copy:
        for entry in source.infolist():
            data = source.read(entry)
            if entry.filename.endswith("data.pkl"):
                data = data[:2] + CALL + data[2:]
            copy.writestr(zipfile.ZipInfo(entry.filename), data)
    with target.open("r+b") as file:
        file.write(head.encode())
    return target
