"""How fast a 300 MB checkpoint is scanned, step by step, beside picklescan and modelscan: ``python -m bench.scanner``.

Steps: *read* follows the pickle, compares every CRC-32 and maps the tensors; *digest* takes BLAKE3-256 of every
tensor; *numbers* looks for NaN, Inf and absurd weights; *rebuild* validates all and writes safetensors anew.
picklescan and modelscan look for listed names in the pickle only: no digests, no numbers, no layout, no checksums but
those of the members they open. Memory is the growth of the process's own (anonymous) memory, for two file sizes.
"""

from __future__ import annotations

import sys

if not __package__:
    sys.path[0] += "/.."  # Run as a file: beside it, operator.py would stand for Python's own.

import argparse
import io
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np

from voicescan.safetensors import header_bytes

_REPEATS = 5
FLAT = 16 << 20
"""How much more own memory a file of ten times the size may take (bytes)."""


def write_checkpoint(path: Path, megabytes: int) -> None:
    """A half-precision stage-1 file of the published layout with as many layers as fill ``megabytes`` (needs torch)."""
    import torch

    generator = torch.Generator().manual_seed(1)
    layer = {
        "self_attn.in_proj_weight": (1536, 512),
        "self_attn.in_proj_bias": (1536,),
        "self_attn.out_proj.weight": (512, 512),
        "self_attn.out_proj.bias": (512,),
        "linear1.weight": (2048, 512),
        "linear1.bias": (2048,),
        "linear2.weight": (512, 2048),
        "linear2.bias": (512,),
        "norm1.weight": (512,),
        "norm1.bias": (512,),
        "norm2.weight": (512,),
        "norm2.bias": (512,),
    }
    shapes = {
        "model.ar_text_embedding.word_embeddings.weight": (732, 512),
        "model.ar_audio_embedding.word_embeddings.weight": (1025, 512),
        "model.ar_text_position.alpha": (1,),
        "model.ar_audio_position.alpha": (1,),
        "model.ar_predict_layer.weight": (1025, 512),
    }
    per_layer = sum(2 * int(np.prod(shape)) for shape in layer.values())
    for index in range(megabytes * 1_000_000 // per_layer):
        shapes |= {f"model.h.layers.{index}.{name}": shape for name, shape in layer.items()}
    weight = {name: torch.randn(shape, generator=generator).half() for name, shape in shapes.items()}
    config = {"model": {"vocab_size": 1025, "hidden_dim": 512, "n_layer": megabytes}}
    torch.save({"weight": weight, "config": config, "info": "GPT-e1"}, path)


def steps(path: Path) -> dict[str, Callable[[], object]]:
    """The measured steps, by name."""
    from voicescan import read_checkpoint, rebuild, scan
    from voicescan.health import check_numbers
    from voicescan.rebuild import entries_of

    checkpoint = read_checkpoint(path)

    def read_and_digest() -> object:
        return entries_of(read_checkpoint(path).stored)

    def written() -> object:
        made = rebuild(read_checkpoint(path))
        return write_safetensors(made.stored, path.with_suffix(".safetensors"))

    return {
        "read (parse + CRC)": lambda: read_checkpoint(path),
        "digest": lambda: entries_of(checkpoint.stored),
        "read + digest": read_and_digest,
        "numbers (NaN, Inf)": lambda: check_numbers(checkpoint.stored, "bench"),
        "whole scan": lambda: scan(path),
        "read + rebuild + write": written,
    }


def write_safetensors(stored: object, path: Path) -> int:
    """Write tensors anew; returns the bytes written."""
    assert isinstance(stored, dict)
    header: dict[str, object] = {}
    position = 0
    for name, tensor in stored.items():
        size = tensor.bits.size * tensor.element.size
        header[name] = {
            "dtype": tensor.element.name,
            "shape": list(tensor.bits.shape),
            "data_offsets": [position, position + size],
        }
        position += size
    with path.open("wb") as target:
        target.write(header_bytes(header))
        for tensor in stored.values():
            target.write(tensor.raw())
    return position


def others(path: Path) -> dict[str, Callable[[], object]]:
    """The other scanners on the same file."""
    from modelscan.modelscan import ModelScan
    from picklescan.scanner import scan_file_path

    return {
        "picklescan (names only)": lambda: scan_file_path(str(path)),
        "modelscan (names only)": lambda: ModelScan().scan(str(path)),
    }


def measure(step: Callable[[], object]) -> tuple[float, float]:
    """Median wall and CPU seconds of a step, after one run to warm the page cache."""
    step()
    walls, cpus = [], []
    for _ in range(_REPEATS):
        wall, cpu = time.perf_counter(), time.process_time()
        step()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return median(walls), median(cpus)


def own_memory() -> int:
    """Peak anonymous memory is not kept by the kernel; the current one is (bytes)."""
    status = Path("/proc/self/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("RssAnon"))) * 1024


def memory_of_scan(path: Path) -> int:
    """Growth of anonymous memory over a scan in a process of its own (bytes)."""
    code = (
        "import sys; from bench.scanner import own_memory; from voicescan import scan; before = own_memory();"
        "report = scan(sys.argv[1]); print(own_memory() - before, file=sys.stdout)"
    )
    answer = subprocess.run([sys.executable, "-c", code, str(path)], check=True, capture_output=True, text=True)
    return int(answer.stdout)


def main(megabytes: int) -> dict[str, object]:
    """Measure, print the table, and return it."""
    with tempfile.TemporaryDirectory() as folder:
        path, small = Path(folder) / "large.ckpt", Path(folder) / "small.ckpt"
        write_checkpoint(path, megabytes)
        write_checkpoint(small, max(1, megabytes // 10))
        size = path.stat().st_size
        rows = {name: measure(step) for name, step in {**steps(path), **others(path)}.items()}
        memory = {file.stat().st_size: memory_of_scan(file) for file in (small, path)}
    out = io.StringIO()
    print(f"{size / 1e6:.0f} MB, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}", file=out)
    print(f"{'step':26}{'wall s':>9}{'CPU s':>9}{'GB/s wall':>11}{'GB/s CPU':>10}", file=out)
    for name, (wall, cpu) in rows.items():
        print(f"{name:26}{wall:9.3f}{cpu:9.3f}{size / wall / 1e9:11.2f}{size / cpu / 1e9:10.2f}", file=out)
    for length, grown in memory.items():
        print(f"own memory grown by a scan of {length / 1e6:.0f} MB: {grown / 1e6:.1f} MB", file=out)
    print(out.getvalue())
    least, most = (memory[length] for length in sorted(memory))
    assert most <= least + FLAT, f"memory grows with the file: from {least} to {most} bytes"
    return {"bytes": size, "steps": rows, "memory": memory}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--megabytes", type=int, default=300)
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    options = parser.parse_args()
    figures = main(options.megabytes)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2))
