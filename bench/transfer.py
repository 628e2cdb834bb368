"""How many bytes an update is: this project's deltas beside what else there is, on real fine-tunes (`bench.finetunes`).

`python -m bench.transfer nano full` prints one table: for each kind of fine-tune the median of three, as a share of the
changed tensors' bytes, and how fast deltas are applied (seconds of computing, one thread, each tensor the best of
seven); then which targets are missed (exit code 1). `--rows FILE` keeps what is measured there and goes on from it: the
full size takes long. Needs the `zstd` program and the packages `bsdiff4` and `fastcdc`; a way that is not there is left
out and said to be.
"""

from __future__ import annotations

import sys

if not __package__:
    sys.path[0] += "/.."  # Run as a file: beside it, operator.py would stand for Python's own.

import argparse
import itertools
import json
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
from gptsovits.formats.delta import as_bytes, decode, encode, supports, worth

BEST_SHARE, LAST_SHARE, DECODE_SPEED = 0.8, 1.15, 200.0
CHUNK = 64 << 10
LARGEST_BSDIFF = 64 << 20
"""Bytes above which bsdiff is left out: its suffix sorting takes 17 times the memory, and many minutes."""
TIMES = 7
Tensors = Mapping[str, bytes]
Row = Mapping[str, Any]
"""What was measured on one update; bytes as shares of the changed tensors', `speed` in MB/s."""


@dataclass(frozen=True)
class Update:
    """A fine-tune beside its base: the raw bytes of all tensors, and the type and shape of each changed one."""

    base: Tensors
    tuned: Tensors
    changed: Mapping[str, tuple[str, tuple[int, ...]]]

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
    changed = {k: (str(v.dtype), v.shape) for k, v in tuned.items() if not np.array_equal(v, base[k])}
    return Update({k: as_bytes(v) for k, v in base.items()}, {k: as_bytes(v) for k, v in tuned.items()}, changed)


def deltas(update: Update) -> Applied:
    """Ours: a delta for each changed tensor, the whole one where it is not worth it; what is applied is compared."""
    size, seconds, whole = 0, 0.0, 0
    for name, (dtype, shape) in update.changed.items():
        before, after = update.base[name], update.tuned[name]
        delta = encode(before, after, dtype, shape) if supports(dtype) else after
        if not worth(len(delta), len(after)):
            size += len(after)
            continue
        size, whole = size + len(delta), whole + len(after)
        seconds += min(_seconds(delta, before, after) for _ in range(TIMES))
    return Applied(size, whole / max(seconds, 1e-9) / 1e6)


def _seconds(delta: bytes, before: bytes, after: bytes) -> float:
    begin = time.process_time()
    made = decode(delta, before)
    seconds = time.process_time() - begin
    assert made == after
    return seconds


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


def measured(size: str, scope: str, seed: int) -> Row:
    """All ways on one update."""
    update = update_of(size, f"{scope}-{seed}")
    ours = deltas(update)
    others = {name: way(update) for name, way in available().items()}
    known = {name: value for name, value in others.items() if value is not None}
    return {
        "kind": f"{size} {scope}", "seed": seed, "changed": update.size, "ours": ours.size / update.size,
        "speed": ours.speed, "to best": ours.size / min(known.values()), "to changed": ours.size / changed_zstd(update),
        **{name: value / update.size for name, value in known.items()},
    }  # fmt: skip


def medians(rows: Sequence[Row]) -> list[Row]:
    """One row for each kind."""
    kinds = {kind: [row for row in rows if row["kind"] == kind] for kind in dict.fromkeys(r["kind"] for r in rows)}
    return [
        {"kind": kind, "updates": len(same)}
        | {key: statistics.median(row[key] for row in same) for key in same[0] if key != "kind"}
        for kind, same in kinds.items()
    ]


def render(rows: Sequence[Row]) -> str:
    """The table, in Markdown."""
    ways = [*WAYS, "ours"]
    head = ["fine-tune", "updates", "changed MB", *ways, "ours / best other", "ours / zstd of changed", "apply MB/s"]
    lines = [head, ["---"] * len(head)]
    for row in rows:
        cells = [f"{row[way]:.3f}" if way in row else "–" for way in ways]
        shares = [f"{row[key]:.2f}" for key in ("to best", "to changed")]
        changed = f"{row['changed'] / 1e6:.1f}"
        lines.append([row["kind"], str(row["updates"]), changed, *cells, *shares, f"{row['speed']:.0f}"])
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def missed(rows: Sequence[Row]) -> list[str]:
    """The targets that these updates miss, in words."""
    share = statistics.median(row["to best"] for row in rows)
    last = max((row["to changed"] for row in rows if row["kind"].endswith("last")), default=0.0)
    speed = min(row["speed"] for row in medians(rows))
    print(f"{len(rows)} updates: median {share:.2f} of the best other way, last layers {last:.2f} of their zstd, "
          f"slowest kind {speed:.0f} MB/s")  # fmt: skip
    found = {
        f"bytes: {share:.2f} of the best other way, at most {BEST_SHARE}": share > BEST_SHARE,
        f"last layers: {last:.2f} of the changed tensors' zstd, at most {LAST_SHARE}": last > LAST_SHARE,
        f"applying: {speed:.0f} MB/s, at least {DECODE_SPEED:.0f}": speed < DECODE_SPEED,
    }
    return [line for line, is_missed in found.items() if is_missed]


def main() -> int:
    """0 when all targets are met."""
    parser = argparse.ArgumentParser(prog="python -m bench.transfer", description=__doc__)
    parser.add_argument("sizes", nargs="*", choices=SIZES, default=SIZES)
    parser.add_argument("--scopes", nargs="*", choices=SCOPES, default=SCOPES)
    parser.add_argument("--rows", type=Path, help="a file of rows, one JSON object a line, that this run completes")
    given = parser.parse_args()
    text = given.rows.read_text() if given.rows and given.rows.is_file() else ""
    done = {(row["kind"], row["seed"]): row for row in map(json.loads, text.splitlines())}
    rows = []
    for size, scope, seed in itertools.product(given.sizes, given.scopes, SEEDS):
        row = done.get((f"{size} {scope}", seed)) or measured(size, scope, seed)
        rows.append(row)
        print(json.dumps(row), file=sys.stderr, flush=True)
        if given.rows and (row["kind"], seed) not in done:
            with given.rows.open("a") as file:
                file.write(json.dumps(row) + "\n")
    absent = sorted(set(WAYS) - set(available()))
    print(render(medians(rows)) + (f"\nnot on this machine: {', '.join(absent)}" if absent else ""))
    lines = missed(rows)
    print("\n".join(f"missed: {line}" for line in lines) or "all targets are met")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
