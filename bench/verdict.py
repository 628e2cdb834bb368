"""`python -m bench.verdict [--pushes 30]`: from the end of an upload to the verdict, in a running embedded hub.

Nano voices of changed weights (no two alike, so that nothing is known already) are pushed one after the other. *static*
ends when the version is scanned and its rebuilt tensors are stored; *behaviour* ends when it is published, with export
and behaviour test.
"""

from __future__ import annotations

import sys

if not __package__:
    sys.path[0] += "/.."  # Run as a file: beside it, operator.py would stand for Python's own.

import argparse
import json
import os
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray
from safetensors.numpy import load_file

from gptsovits.formats.checkpoint_writer import write_checkpoint
from gptsovits.pipeline.training import shipped_base
from tests.e2e.house import House, open_house
from voicehub import Client, Declaration
from voicehub.pushing import Part

DECLARATION = Declaration("made by a bench", "CC0-1.0", "public-domain")
PROMPT_SECONDS, RATE = 4, 16_000
TARGETS = {"static": 2.0, "behaviour": 20.0}
Tensors = Mapping[str, NDArray[Any]]


def main(pushes: int) -> int:
    """Prints the table; exit code 1 if a version was not published."""
    with tempfile.TemporaryDirectory() as folder, open_house(Path(folder)) as house:
        measured = _measure(house, Path(folder), pushes)
    load = os.getloadavg()[0]
    print(f"{pushes} pushes of a nano voice, load {load:.1f} at the end, {os.cpu_count()} cores")
    print(f"{'from upload to':<16}{'p50 s':>8}{'p99 s':>8}{'longest s':>11}{'target p99 s':>14}")
    for name, seconds in measured.items():
        p50, p99 = np.percentile(seconds, (50, 99))
        print(f"{name:<16}{p50:>8.2f}{p99:>8.2f}{max(seconds):>11.2f}{TARGETS[name]:>14.0f}")
    return 0


def _measure(house: House, folder: Path, pushes: int) -> dict[str, list[float]]:
    person = house.person("bench")
    prompt = folder / "prompt.wav"
    tone = 0.3 * np.sin(2 * np.pi * 150 * np.arange(PROMPT_SECONDS * RATE) / RATE)
    soundfile.write(prompt, tone, RATE, subtype="PCM_16")
    base = shipped_base()
    config = json.loads((base / "base.json").read_text())["config"]
    stages = {stage: load_file(base / f"{stage}.safetensors") for stage in ("s1", "s2")}
    card = {"languages": ["en"], "gender": "female", "age": "middle", **vars(DECLARATION),
            "prompts": [{"file": prompt.name, "text": "One two three.", "language": "en"}]}  # fmt: skip
    seconds: dict[str, list[float]] = {name: [] for name in TARGETS}
    with Client(person.url, house.token(person), cache=folder / "cache") as client:
        for number in range(pushes + 1):
            files = [Part(stage, _changed(folder, stage, stages[stage], config[stage], number)) for stage in stages]
            parts = [(part, client.upload(part.path)) for part in (*files, Part("prompt", prompt))]
            name = f"bench/voice-{number}"
            begin = time.monotonic()
            version = client.create_version(name, parts, card, DECLARATION)
            reached = {state: time.monotonic() - begin for state in client.states(name, version.id)}
            if "published" not in reached:
                raise SystemExit(f"{name} was not published: {client.version(name + '@' + version.id).findings}")
            if number:  # the first warms up
                seconds["static"].append(reached["scanned"])
                seconds["behaviour"].append(reached["published"])
    return seconds


def _changed(folder: Path, stage: str, tensors: Tensors, config: Mapping[str, Any], seed: int) -> Path:
    """Every weight moved by a thousandth, as a fine-tune does."""
    chance = np.random.default_rng(seed)
    moved = {
        name: (value * (1 + 1e-3 * chance.standard_normal(value.shape))).astype(value.dtype)
        if value.dtype.kind == "f"
        else value
        for name, value in tensors.items()
    }
    return write_checkpoint(folder / {"s1": "s1.ckpt", "s2": "s2.pth"}[stage], moved, config, "nano-e1")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pushes", type=int, default=30)
    sys.exit(main(parser.parse_args().pushes))
