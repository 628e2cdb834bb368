"""Checkpoint files of a directory: read without running code, written again, read again, every tensor the same."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from gptsovits.formats.checkpoint import VoiceFile, read_voice_file
from gptsovits.formats.checkpoint_writer import write_checkpoint
from gptsovits.parity.outcome import Comparison, Outcome, attempted


def file_cases(root: Path) -> Iterator[Outcome]:
    """A line for each ``.ckpt`` and ``.pth`` in ``checkpoints/``."""
    for path in sorted((root / "checkpoints").glob("*")):
        if path.suffix in (".ckpt", ".pth"):
            name = f"checkpoints/{path.name}"
            yield from attempted(name, lambda path=path, name=name: _round_trip(path, name))  # type: ignore[misc]


def _round_trip(path: Path, name: str) -> Iterator[Outcome]:
    first = read_voice_file(path)
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / path.name
        second = read_voice_file(write_checkpoint(target, first.tensors, first.config, first.info, head=first.head))
    yield compared(name, first, second)


def compared(name: str, first: VoiceFile, second: VoiceFile) -> Outcome:
    """Names in their order, shapes, dtypes, values, configuration, ``info`` and head."""
    comparison = Comparison(name).exact("names", list(first.tensors) == list(second.tensors), True)
    for key, value in first.tensors.items():
        other = second.tensors[key]
        same = (value.dtype, value.shape, value.tobytes()) == (other.dtype, other.shape, other.tobytes())
        comparison.exact(key, same, True)
    about = [(file.info, file.head, file.kind, file.config) for file in (first, second)]
    return comparison.exact("info, head and configuration", about[0] == about[1], True).outcome()
