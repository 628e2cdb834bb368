"""Corpus shards on disk: clips of 16 kHz speech with phone stretches and pitch, many per ``.npz`` file."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

SAMPLE_RATE = 16000


@dataclass(frozen=True)
class Clip:
    """One spoken sentence.

    ``wave``: int16 at 16 kHz. ``symbols`` and ``ends``: phone of each stretch ('' is silence) and its end in seconds.
    ``pitch``: Hz at 100 frames a second, 0 where unvoiced. ``phones``: the sentence's phone symbols with its marks.
    """

    speaker: int
    text: str
    phones: tuple[str, ...]
    wave: npt.NDArray[np.int16]
    symbols: tuple[str, ...]
    ends: npt.NDArray[np.float32]
    pitch: npt.NDArray[np.float16]

    @property
    def seconds(self) -> float:
        """Length of the audio."""
        return len(self.wave) / SAMPLE_RATE


def save(path: Path, clips: Sequence[Clip]) -> None:
    """Writes one shard; it appears under its name only when complete."""
    arrays: dict[str, npt.NDArray[np.generic]] = {
        "speakers": np.array([clip.speaker for clip in clips], np.int32),
        "texts": np.array([clip.text for clip in clips]),
        "phones": np.array([" ".join(clip.phones) for clip in clips]),
        "symbols": np.array(["|".join(clip.symbols) for clip in clips]),
    }
    for name in ("wave", "ends", "pitch"):
        parts = [getattr(clip, name) for clip in clips]
        arrays[name] = np.concatenate(parts)
        arrays[f"{name}_lengths"] = np.array([len(part) for part in parts], np.int64)
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
    os.replace(partial, path)


def load(path: Path) -> list[Clip]:
    """Reads one shard."""
    with np.load(path) as stored:
        split = {name: _pieces(stored[name], stored[f"{name}_lengths"]) for name in ("wave", "ends", "pitch")}
        rows = zip(stored["speakers"], stored["texts"], stored["phones"], stored["symbols"], strict=True)
        return [
            Clip(
                int(speaker), str(text), tuple(str(phones).split()), split["wave"][index],
                tuple(str(symbols).split("|")), split["ends"][index], split["pitch"][index],
            )
            for index, (speaker, text, phones, symbols) in enumerate(rows)
        ]  # fmt: skip


def shards(folder: Path) -> list[Path]:
    """Complete shards in order of name."""
    return sorted(folder.glob("*.npz"))


def clips(folder: Path) -> Iterator[Clip]:
    """All clips of all complete shards."""
    for path in shards(folder):
        yield from load(path)


def _pieces(joined: npt.NDArray[Any], lengths: npt.NDArray[np.int64]) -> list[npt.NDArray[Any]]:
    return np.split(joined, np.cumsum(lengths)[:-1])
