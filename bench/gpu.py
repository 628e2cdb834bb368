"""`python -m bench.gpu [FOLDER]`: what a GPU makes of training and speech, beside this machine's processor.

Full v2 size with random weights by the fill rule. Training: steps of both stages as the published recipe takes them,
float32 and mixed precision; losses of the first steps beside the processor's, without dropout. Speech: each graph on
both, and a sentence of 10 seconds. Needs a GPU, and for speech onnxruntime-gpu in the place of onnxruntime.
"""

from __future__ import annotations

import sys

if not __package__:
    sys.path[0] += "/.."  # Run as a file: beside it, operator.py would stand for Python's own.

import os
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any, get_args

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray

from bench.engine_work import full_size_files
from gptsovits.arch.discriminator import Discriminator
from gptsovits.arch.s1 import Text2Semantic
from gptsovits.arch.s1_loss import S1Batch
from gptsovits.arch.s2 import S2Batch, Synthesizer
from gptsovits.config import S1Config, S2Config
from gptsovits.export.bundle import export_bundle
from gptsovits.formats.checkpoint import read_voice_file
from gptsovits.parity.recordings import fill_by_rule
from gptsovits.runtime import rows
from gptsovits.runtime.bundle import ON_GPU
from gptsovits.runtime.graph import CUDA, Device, Graph
from gptsovits.runtime.prompt import Conditioning
from gptsovits.runtime.sampling import Sampling
from gptsovits.runtime.voice import Voice
from gptsovits.train.loop import on_device
from gptsovits.train.s1_trainer import S1Options, S1Trainer
from gptsovits.train.s2_trainer import S2Options, S2Trainer

SECONDS = 4
"""Of a clip; 25 tokens, 50 frames of content and of spectrogram a second, 10 phones a second."""
SENTENCE = 250
"""Tokens of a sentence of 10 seconds."""
COMPARED = 3
"""Steps whose losses are compared."""
BATCHES = (4, 16)
Advance = Callable[[], object]
Step = Callable[[], Mapping[str, float]]
"""One step of a training; its losses."""
StepOf = Callable[[torch.device, int, bool, float | None], Step]
"""Of a device, a batch, mixed precision or not, and another dropout than the published one."""


def main(folder: Path) -> None:
    """Prints the tables."""
    if not torch.cuda.is_available():
        sys.exit("torch finds no GPU on this machine.")
    cores, load = os.cpu_count(), os.getloadavg()[0]
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}, onnxruntime {onnxruntime.__version__}, "
          f"{cores} cores, load {load:.1f}")  # fmt: skip
    torch.set_num_threads(cores or 1)
    _training()
    if CUDA in onnxruntime.get_available_providers():
        _speech(_bundle(folder))
    else:
        print("speech: not run, this onnxruntime was built without CUDA")


def _training() -> None:
    for name, step_of in STAGES.items():
        print(f"{name}: losses of {COMPARED} steps are within {_apart(step_of):.1e} of the processor's")
    print(f"{'training, clips of 4 s':<24}{'batch':>6}{'on':>10}{'ms a step':>11}{'clips/s':>9}{'GPU, GB':>9}")
    for name, step_of in STAGES.items():
        for batch in BATCHES:
            for on in ("processor", "float32", "mixed") if batch == BATCHES[0] else ("float32", "mixed"):
                device = torch.device("cpu" if on == "processor" else "cuda")
                torch.cuda.empty_cache()
                torch.cuda.reset_peak_memory_stats()
                spent = _median(step_of(device, batch, on == "mixed", None), 2 if on == "processor" else 20)
                peak = torch.cuda.max_memory_allocated() / 1e9
                print(f"{name:<24}{batch:>6}{on:>10}{1000 * spent:>11.1f}{batch / spent:>9.1f}{peak:>9.1f}", flush=True)


def _apart(step_of: StepOf) -> float:
    """The largest relative difference of the losses of the same steps, without dropout."""
    found = []
    for device in (torch.device("cpu"), torch.device("cuda")):
        step = step_of(device, 2, False, 0.0)
        torch.manual_seed(3)
        found.append(np.array([list(step().values()) for _ in range(COMPARED)]))
    here, there = found
    return float(np.abs(there / here - 1).max())


def _stage1(device: torch.device, batch: int, mixed: bool, dropout: float | None) -> Step:
    config = S1Config() if dropout is None else replace(S1Config(), layer_dropout=dropout)
    network = Text2Semantic(config)
    fill_by_rule(network)
    trainer, draw = S1Trainer(network.to(device), S1Options(mixed=mixed)), torch.Generator().manual_seed(1)
    tokens, phones = 25 * SECONDS, 10 * SECONDS
    rows = on_device(S1Batch(
        torch.randint(732, (batch, phones), generator=draw), torch.full((batch,), phones),
        torch.randn(batch, 1024, phones, generator=draw), torch.randint(1024, (batch, tokens), generator=draw),
        torch.full((batch,), tokens),
    ), device)  # fmt: skip
    return lambda: {"loss": float(trainer.step(rows).loss.detach())}


def _stage2(device: torch.device, batch: int, mixed: bool, dropout: float | None) -> Step:
    network, judge = (
        Synthesizer(S2Config() if dropout is None else replace(S2Config(), p_dropout=dropout)),
        Discriminator(),
    )
    fill_by_rule(network)
    fill_by_rule(judge)
    trainer = S2Trainer(network.to(device), judge.to(device), S2Options(mixed=mixed))
    frames, phones, draw = 50 * SECONDS, 10 * SECONDS, torch.Generator().manual_seed(2)
    rows = on_device(S2Batch(
        torch.randn(batch, 768, frames, generator=draw), torch.rand(batch, 1025, frames, generator=draw),
        torch.full((batch,), frames), torch.randint(732, (batch, phones), generator=draw),
        torch.full((batch,), phones), torch.rand(batch, 1, 640 * frames, generator=draw) - 0.5,
    ), device)  # fmt: skip
    return lambda: vars(trainer.step(rows))


STAGES: Mapping[str, StepOf] = {"stage 1": _stage1, "stage 2": _stage2}


def _bundle(folder: Path) -> Path:
    """The published size, float32."""
    out = folder / "fp32"
    if (out / "bundle.json").is_file():
        return out
    one, two = (read_voice_file(path) for path in full_size_files(folder))
    return export_bundle(one.tensors, one.config, two.tensors, two.config, out, precision="fp32")


def _speech(bundle: Path) -> None:
    draw = np.random.default_rng(2)
    given: dict[str, dict[str, NDArray[Any]]] = {
        "quantise": {"features": draw.standard_normal((1, 768, 500)).astype(np.float32)},
        "style": {"spectrogram": draw.random((1, 704, 250)).astype(np.float32)},
        "s2": {"ge": draw.standard_normal((1, 512, 1)).astype(np.float32) * 0.3,
               "codes": draw.integers(0, 1024, (1, SENTENCE)), "phones": draw.integers(0, 732, (1, 100)),
               "noise": draw.standard_normal((1, 192, 2 * SENTENCE)).astype(np.float32),
               "noise_scale": np.array([0.5], np.float32), "timeline": np.array([0, 1], np.float32)},
    }  # fmt: skip
    cores = os.cpu_count() or 1
    print(f"{'graph':<12}{'processor ms':>14}{'GPU ms':>9}{'new length ms':>15}{'largest difference':>20}")
    for name in ON_GPU:
        print(f"{name:<12}{_compared(bundle / f'{name}.onnx', given[name])}", flush=True)
    print(f"{'10 s of speech':<16}{'stage 1, s':>12}{'stage 2, s':>12}{'whole':>8}")
    for device in get_args(Device):
        tokens, wave = _sentence(bundle, device, cores)
        print(f"{device:<16}{tokens:>12.2f}{wave:>12.2f}{tokens + wave:>8.2f}")


def _compared(path: Path, given: Mapping[str, NDArray[Any]]) -> str:
    """Milliseconds on both, of a length that is new to the GPU, and the largest difference."""
    here, there = Graph(path, os.cpu_count() or 1), Graph(path, os.cpu_count() or 1, "cuda")
    pairs = zip(here.run(**given), there.run(**given), strict=True)
    apart = max(float(np.abs(one - two).max()) for one, two in pairs)
    slow, quick = _median(lambda: here.run(**given), 5), _median(lambda: there.run(**given), 5)
    other = {"codes": slice(1, None), "noise": slice(2, None)}  # a sentence that is a token shorter
    fresh = {name: value[..., other[name]] if name in other else value for name, value in given.items()}
    anew = f"{1000 * _once(lambda: there.run(**fresh)):.1f}" if "codes" in given else ""
    return f"{1000 * slow:>14.1f}{1000 * quick:>9.1f}{anew:>15}{apart:>20.1e}"


def _sentence(bundle: Path, device: Device, threads: int) -> tuple[float, float]:
    """Seconds of stage 1 and of stage 2."""
    rows.MIN_TOKENS = SENTENCE  # random weights would end it by chance
    voice, draw = Voice.load(bundle, threads, verify=False, device=device), np.random.default_rng(3)
    ge = draw.standard_normal((1, 512, 1)).astype(np.float32) * 0.3
    prompt = Conditioning(ge, draw.integers(0, 1024, 100), draw.integers(0, 732, 30), np.zeros((1024, 30), np.float32))
    phones = draw.integers(0, 732, 100)
    sampling = Sampling(seed=1, early_stop=SENTENCE - 1, drop_first_on_early_stop=False)
    tokens = voice.generate_tokens(phones, None, prompt, sampling)
    return (
        _median(lambda: voice.generate_tokens(phones, None, prompt, sampling), 3),
        _median(lambda: voice.decode(tokens, phones, ge, seed=1), 3),
    )


def _once(advance: Advance) -> float:
    begin = time.perf_counter()
    advance()
    torch.cuda.synchronize()
    return time.perf_counter() - begin


def _median(advance: Advance, count: int) -> float:
    """Seconds of wall time, after one that warms up."""
    advance()
    torch.cuda.synchronize()
    return median(_once(advance) for _ in range(count))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        main(Path(sys.argv[1]) if sys.argv[1:] else Path(scratch))
