"""`python bench/engine.py [--threads 2]`: this engine and genie-tts in one run, random weights of the full v2 size.

Each figure comes from a process of its own (peak memory), the two engines in turn. The original's figures are not
measured: they are genie-tts's of this run times the ratio that was measured once on one machine, and marked "derived".
"""

from __future__ import annotations

import sys

if not __package__:
    sys.path[0] += "/.."  # Run as a file: beside it, operator.py would stand for Python's own.

import argparse
import json
import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

from bench.engine_work import CLOCK
from bench.genie import cache_folder

TASKS = (
    "stage1:fp32:1", "genie_stage1", "stage1:int8:1", "stage1:int8:8", "genie_stage2", "stage2:fp32",
    "first_audio:int8", "first_audio:fp32", "training",
)  # fmt: skip
ORIGINAL: Mapping[int, Mapping[str, float]] = {
    1: {"stage1": 27.0 / 36.3, "stage2": 0.54 / 0.48, "training": 10.4 / 0.48},
    2: {"stage1": 24.1 / 53.9, "stage2": 0.27 / 0.26, "training": 6.2 / 0.26},
}
"""Of the original to genie-tts by number of threads, measured 2026-11-23 on two idle EPYC cores."""
Runs = dict[str, list[dict[str, float]]]


def run(task: str, folder: Path, threads: int, clock: str) -> dict[str, float]:
    """One task in a process of its own."""
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads),
                   "ORT_DISABLE_TELEMETRY": "1", CLOCK: clock}  # fmt: skip
    command = [sys.executable, "-m", "bench.engine_work", task, str(folder), str(threads)]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1]) if done.stdout.strip() else {}
    return found


def main(threads: int, rounds: int, tasks: tuple[str, ...], clock: str) -> Runs:
    """Measures and prints the table."""
    folder = cache_folder() / "full-v2"
    run("prepare", folder, threads, clock)
    runs: Runs = {task: [] for task in tasks}
    loads = [os.getloadavg()[0]]
    for _ in range(rounds):
        for task in tasks:
            runs[task].append(run(task, folder, threads, clock))
            loads.append(os.getloadavg()[0])
    load = f"load {min(loads):.1f} to {max(loads):.1f}, {clock} seconds"
    print(f"{threads} threads of {os.cpu_count()} cores, {rounds} rounds, {load}")
    agreement = json.loads((folder / "int8" / "bundle.json").read_text())["token_agreement"]
    print(f"int8 chooses torch's token in {agreement['equal']:.1%} of {agreement['steps']} steps (random weights)")
    print(f"{'figure':58}{'this engine':>13}{'genie-tts':>11}{'original':>10}  (derived)")
    for line in table(runs, ORIGINAL[threads]):
        print(line)
    return runs


def table(runs: Runs, ratio: Mapping[str, float]) -> list[str]:
    """A line per figure whose tasks were run."""
    value = _reader(runs)
    genie1, genie2 = value("genie_stage1", "tokens_per_second"), value("genie_stage2", "rtf")
    lines = []
    for precision, batch in (("fp32", 1), ("int8", 1), ("int8", 8)):
        task = f"stage1:{precision}:{batch}"
        beside = (genie1, _times(genie1, ratio["stage1"])) if batch == 1 else (None, None)
        lines.append(_line(f"stage 1 {precision} batch {batch}, tokens/s", value(task, "tokens_per_second"), *beside))
        fit = (value(task, "fit_a_ms"), value(task, "fit_b_us"), value(task, "b_gigabytes_per_second"))
        if fit[0] is not None:
            lines.append(f"    step = {fit[0]:.2f} ms + {fit[1]:.2f} us x S: the cache is read at {fit[2]:.1f} GB/s")
    lines.append(_line("stage 2 fp32, real-time factor", value("stage2:fp32", "rtf"), genie2,
                       _times(genie2, ratio["stage2"])))  # fmt: skip
    labels = {"first_s": "first sound", "whole_s": "whole, not streamed", "stream_s": "whole, streamed"}
    for name, label in labels.items():
        lines.append(_line(f"10 s sentence, int8: {label}, s", value("first_audio:int8", name), None, None))
    first, whole = (value("first_audio:int8", name) for name in ("first_s", "whole_s"))
    if first is not None and whole is not None:
        lines.append(f"    the first sound comes after {first / whole:.0%} of the time of the whole sentence")
    one, eight = (value(f"stage1:int8:{batch}", "tokens_per_second") for batch in (1, 8))
    if one is not None and eight is not None:
        lines.append(f"    eight sentences at once: {eight / one:.2f} times the tokens of one")
    lines.append(_line("stage 2 training step, batch 2, s", value("training", "step_s"), None,
                       _times(genie2, ratio["training"])))  # fmt: skip
    for task in runs:  # the graphs of the task and no others, but for first_audio: the whole voice
        lines.append(_line(f"peak memory of {task}, MB", value(task, "peak_mb"), None, None))
    return lines


def _reader(runs: Runs) -> Callable[[str, str], float | None]:
    def value(task: str, name: str) -> float | None:
        found = [one[name] for one in runs.get(task, []) if name in one]
        return median(found) if found else None

    return value


def _times(value: float | None, ratio: float) -> float | None:
    return None if value is None else value * ratio


def _line(name: str, *values: float | None) -> str:
    ours, genie, original = ("-" if value is None else f"{value:.3g}" for value in values)
    return f"{name:58}{ours:>13}{genie:>11}{original:>10}"


def _parsed() -> dict[str, Any]:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--threads", type=int, default=2, choices=sorted(ORIGINAL))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", default=TASKS, choices=TASKS)
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall",
                        help="cpu: seconds of computing, for a busy machine and one thread")  # fmt: skip
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    return vars(parser.parse_args())


if __name__ == "__main__":
    given = _parsed()
    figures = main(given["threads"], given["rounds"], tuple(given["only"]), given["clock"])
    if given["json"]:
        given["json"].write_text(json.dumps(figures, indent=2))
