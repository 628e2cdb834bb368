"""How many bytes an update is: this project's deltas beside what else there is, on real fine-tunes (`bench.finetunes`).

`python -m bench.transfer nano full` prints one table: for each kind of fine-tune the median of three, as a share of the
changed tensors' bytes, and how fast deltas are applied (seconds of computing, one thread). Needs the `zstd` program and
the packages `bsdiff4` and `fastcdc`; a way that is not there is left out and said to be.
"""

from __future__ import annotations

import sys

if not __package__:
    sys.path[0] += "/.."  # Run as a file: beside it, operator.py would stand for Python's own.

import argparse
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import zstandard

from bench.finetunes import SCOPES, SEEDS, SIZES, voice
from gptsovits.formats.delta import decode, encode, supports
from gptsovits.formats.delta.encoder import as_bytes

BEST_SHARE, LAST_SHARE, DECODE_SPEED = 0.8, 1.15, 200.0
CHUNK = 64 << 10
LARGEST_BSDIFF = 64 << 20
"""Bytes above which bsdiff is left out: its suffix sorting takes 17 times the memory, and many minutes."""
Tensors = Mapping[str, bytes]


@dataclass(frozen=True)
class Update:
    """A fine-tune beside its base: the raw bytes of all tensors, and the changed ones' names with their types."""

    base: Tensors
    tuned: Tensors
    changed: Mapping[str, str]

    @property
    def size(self) -> int:
        """Bytes of the changed tensors."""
        return sum(len(self.tuned[name]) for name in self.changed)


@dataclass(frozen=True)
class Applied:
    """Bytes of all deltas, and how many megabytes of tensors a second they became."""

    size: int
    speed: float


def update_of(size: str, name: str) -> Update:
    """Reads (or makes) both."""
    base, tuned = voice(size, "base"), voice(size, name)
    changed = {key: str(value.dtype) for key, value in tuned.items() if not np.array_equal(value, base[key])}
    return Update({k: as_bytes(v) for k, v in base.items()}, {k: as_bytes(v) for k, v in tuned.items()}, changed)


def deltas(update: Update) -> Applied:
    """Ours: a delta for each changed tensor, the whole one where that is smaller; what is applied is compared."""
    size, seconds = 0, 0.0
    for name, dtype in update.changed.items():
        before, after = update.base[name], update.tuned[name]
        delta = encode(before, after, dtype) if supports(dtype) else after
        size += min(len(delta), len(after))
        if len(delta) < len(after):
            begin = time.process_time()
            made = decode(delta, before)
            seconds += time.process_time() - begin
            assert made == after, name
    return Applied(size, update.size / max(seconds, 1e-9) / 1e6)


def whole_zstd(update: Update) -> int:
    """Both files through zstd."""
    return len(zstandard.ZstdCompressor(level=3).compress(_file(update.tuned)))


def changed_zstd(update: Update) -> int:
    """Only the changed tensors through zstd: what an update costs where tensors are objects."""
    return len(zstandard.ZstdCompressor(level=3).compress(b"".join(update.tuned[name] for name in update.changed)))


def patch_from(update: Update) -> int:
    """`zstd --patch-from`, with a window over the whole file."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in ("base", "tuned", "patch")]
        paths[0].write_bytes(_file(update.base))
        paths[1].write_bytes(_file(update.tuned))
        command = ["zstd", "-q", "-f", "--long=31", f"--patch-from={paths[0]}", str(paths[1]), "-o", str(paths[2])]
        subprocess.run(command, check=True)
        return paths[2].stat().st_size


def bsdiff(update: Update) -> int | None:
    """The difference of both files (large ones: of the changed tensors) by bsdiff; None where that takes too long."""
    import bsdiff4

    before, after = _file(update.base), _file(update.tuned)
    if len(after) > LARGEST_BSDIFF:
        before, after = (b"".join(side[name] for name in update.changed) for side in (update.base, update.tuned))
    return len(bsdiff4.diff(before, after)) if len(after) <= LARGEST_BSDIFF else None


def chunks(update: Update) -> int:
    """Content-defined chunks of 64 KiB in the mean that the base does not have, each through zstd."""
    from fastcdc import fastcdc

    def cut(data: bytes) -> dict[bytes, bytes]:
        found = ((c.offset, c.length) for c in fastcdc(data, CHUNK // 4, CHUNK, CHUNK * 4))
        return {data[at : at + length]: data[at : at + length] for at, length in found}

    known, compressor = cut(_file(update.base)), zstandard.ZstdCompressor(level=3)
    return sum(len(compressor.compress(chunk)) for chunk in cut(_file(update.tuned)) if chunk not in known)


WAYS: Mapping[str, Callable[[Update], int | None]] = {
    "zstd": whole_zstd,
    "patch-from": patch_from,
    "bsdiff": bsdiff,
    "chunks": chunks,
}


def _file(tensors: Tensors) -> bytes:
    return b"".join(tensors[name] for name in sorted(tensors))


def available() -> dict[str, Callable[[Update], int | None]]:
    """The ways that this machine has."""
    needs = {"patch-from": bool(shutil.which("zstd")), "bsdiff": bool(find_spec("bsdiff4")),
             "chunks": bool(find_spec("fastcdc"))}  # fmt: skip
    return {name: way for name, way in WAYS.items() if needs.get(name, True)}


def line(size: str, scope: str, seeds: Sequence[int], say: Callable[[str], None]) -> dict[str, Any]:
    """One row: medians over the fine-tunes of this kind."""
    rows: list[dict[str, Any]] = []
    for seed in seeds:
        update = update_of(size, f"{scope}-{seed}")
        say(f"{size} {scope}-{seed}: {update.size / 1e6:.1f} MB changed")
        ours = deltas(update)
        others = {name: way(update) for name, way in available().items()}
        known = {name: value for name, value in others.items() if value is not None}
        best = min(known.values())
        rows.append(
            {"changed": update.size, "ours": ours.size / update.size, "speed": ours.speed, "to best": ours.size / best,
             "to changed": ours.size / changed_zstd(update), **{k: v / update.size for k, v in known.items()}}
        )  # fmt: skip
    keys = [key for key in rows[0] if all(key in row for row in rows)]
    return {"kind": f"{size} {scope}", **{key: statistics.median(row[key] for row in rows) for key in keys}}


def render(rows: Sequence[Mapping[str, Any]]) -> str:
    """The table, in Markdown."""
    ways = [*WAYS, "ours"]
    head = ["fine-tune", "changed MB", *ways, "ours / best other", "ours / zstd of changed", "apply MB/s"]
    lines = [head, ["---"] * len(head)]
    for row in rows:
        cells = [f"{row[way]:.3f}" if way in row else "–" for way in ways]
        shares = [f"{row[key]:.2f}" for key in ("to best", "to changed")]
        lines.append([row["kind"], f"{row['changed'] / 1e6:.1f}", *cells, *shares, f"{row['speed']:.0f}"])
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def kept(rows: Sequence[Mapping[str, Any]]) -> bool:
    """Whether all targets are met."""
    last = [row["to changed"] for row in rows if row["kind"].endswith("last")]
    share = statistics.median(row["to best"] for row in rows)
    slowest = min(row["speed"] for row in rows)
    print(f"median of ours / best other {share:.2f} (at most {BEST_SHARE}), last layers {max(last, default=0):.2f} "
          f"(at most {LAST_SHARE}), slowest apply {slowest:.0f} MB/s (at least {DECODE_SPEED:.0f})")  # fmt: skip
    return share <= BEST_SHARE and max(last, default=0) <= LAST_SHARE and slowest >= DECODE_SPEED


def main() -> int:
    """0 when all targets are met."""
    parser = argparse.ArgumentParser(prog="python -m bench.transfer", description=__doc__)
    parser.add_argument("sizes", nargs="*", choices=SIZES, default=SIZES)
    parser.add_argument("--scopes", nargs="*", choices=SCOPES, default=SCOPES)
    given = parser.parse_args()
    missing = sorted(set(WAYS) - set(available()))
    rows = [
        line(size, scope, SEEDS, lambda text: print(text, file=sys.stderr, flush=True))
        for size in given.sizes
        for scope in given.scopes
    ]
    print(render(rows) + (f"\nnot on this machine: {', '.join(missing)}" if missing else ""))
    return 0 if kept(rows) else 1


if __name__ == "__main__":
    sys.exit(main())
