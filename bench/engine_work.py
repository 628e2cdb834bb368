"""What one process of the engine bench does: prepares full-size files, or measures one thing and prints it as JSON."""

from __future__ import annotations

import sys

if not __package__:
    sys.path[0] += "/.."  # Run as a file: beside it, operator.py would stand for Python's own.

import json
import os
import resource
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

TEXT, PROMPT, STEPS = 70, 100, 60
"""Positions before the first token, and tokens that are timed."""
SECONDS = 5
TOKENS = 25 * SECONDS
SENTENCE = 250
"""Tokens of a sentence of 10 seconds."""
LENGTHS = (200, 600, 1000, 1400)
CLOCK = "VOICEHUB_BENCH_CLOCK"
Figures = dict[str, Any]


def full_size_files(folder: Path) -> tuple[Path, Path]:
    """Random full-size weights by the fill rule as original files, of stage 1 and of stage 2."""
    from gptsovits.arch.loading import dump
    from gptsovits.arch.s1 import Text2Semantic
    from gptsovits.arch.s2 import Synthesizer
    from gptsovits.config import S1Config, S2Config
    from gptsovits.formats.checkpoint_writer import write_checkpoint
    from gptsovits.parity.recordings import fill_by_rule, read_json

    expected = read_json(Path(__file__).parents[1] / "tests" / "data" / "golden" / "full" / "expected.json", {})
    files = folder / "full-e1.ckpt", folder / "full_e1_s1.pth"
    folder.mkdir(parents=True, exist_ok=True)
    networks = Text2Semantic(S1Config()), Synthesizer(S2Config(), posterior=False)
    for path, network, name in zip(files, networks, ("s1_config", "s2_config"), strict=True):
        if not path.is_file():
            fill_by_rule(network)
            write_checkpoint(path, dump(network), expected[name], "1", precision="half")
    return files


def prepare(folder: Path) -> None:
    """Full-size files, both bundles of them, and genie's graphs."""
    import torch

    from bench.genie import convert
    from gptsovits.export.bundle import export_bundle
    from gptsovits.formats.checkpoint import read_voice_file

    files = full_size_files(folder)
    torch.set_num_threads(2)
    one, two = (read_voice_file(path) for path in files)
    for precision in ("fp32", "int8"):
        out = folder / precision
        if not _is_fresh(out / "bundle.json"):
            export_bundle(one.tensors, one.config, two.tensors, two.config, out, precision=precision)
    convert(*files, folder / "genie")


def _is_fresh(bundle: Path) -> bool:
    """Whether it was exported by the exporter of today."""
    import gptsovits.export

    written = [path.stat().st_mtime for path in Path(gptsovits.export.__path__[0]).glob("*.py")]
    return bundle.is_file() and bundle.stat().st_mtime > max(written)


def stage1(folder: Path, precision: str, batch: int, threads: int) -> Figures:
    """Tokens a second after the prefill, and the time of a step by the length of the cache."""
    from gptsovits.runtime.bundle import VoiceFacts, read_header
    from gptsovits.runtime.stage1 import OnnxStepper, prefilled

    facts = VoiceFacts.from_json(read_header(folder / precision))
    prefill, step = (_graph(folder / precision, name, threads) for name in ("s1_prefill", "s1_step"))
    generator = np.random.default_rng(1)
    phones = [generator.integers(0, 732, TEXT) for _ in range(batch)]
    bert = [np.zeros((1024, TEXT), np.float32) for _ in range(batch)]
    stepper, _ = prefilled(prefill, step, phones, bert, generator.integers(0, 1024, PROMPT))
    token = np.full(batch, 7, np.int64)
    spent = _steps(lambda number: stepper.step(token, PROMPT + number), STEPS)
    peak = _peak_mb()  # before the long caches of the fit, which no sentence of this size has
    by_length = {}
    for length in LENGTHS:
        shape = (facts.layers, batch, facts.heads, length, facts.head_dim)
        cache = generator.standard_normal(shape, np.float32)
        longer = OnnxStepper(step, cache, cache.copy(), np.zeros(batch, np.int64))
        by_length[length] = _steps(lambda number, at=longer: at.step(token, number), 12)  # type: ignore[misc]
    slope, start = np.polyfit(list(by_length), list(by_length.values()), 1)
    bytes_per_position = 2 * 4 * batch * facts.layers * facts.heads * facts.head_dim
    return {"tokens_per_second": batch / spent, "fit_a_ms": start * 1e3, "fit_b_us": slope * 1e6,
            "b_gigabytes_per_second": bytes_per_position / slope / 1e9, "peak_mb": peak}  # fmt: skip


def genie_stage1(folder: Path, threads: int) -> Figures:
    """The same with genie's graphs, which keep one K and V per layer and append to them."""
    first = _session(folder / "genie" / "t2s_first_stage_decoder_fp32.onnx", threads)
    step = _session(folder / "genie" / "t2s_stage_decoder_fp32.onnx", threads)
    generator = np.random.default_rng(1)
    text, prompt = generator.standard_normal((1, TEXT, 512), np.float32), generator.integers(0, 1024, (1, PROMPT))
    given = {"x": text, "prompts": prompt}
    y, embedded, *kept = first.run(None, given)
    state = [y, embedded, *kept]
    names = [value.name for value in step.get_inputs()]

    def advance(_: int) -> None:
        y, embedded, _, *kept = step.run(None, dict(zip(names, state, strict=False)))
        state[:] = [y, embedded, *kept]

    return {"tokens_per_second": 1 / _steps(advance, STEPS)}


def stage2(folder: Path, precision: str, threads: int) -> Figures:
    """Seconds of computing per second of sound."""
    graph = _graph(folder / precision, "s2", threads)
    generator = np.random.default_rng(2)
    given = {
        "ge": generator.standard_normal((1, 512, 1)).astype(np.float32) * 0.3,
        "codes": generator.integers(0, 1024, (1, TOKENS)), "phones": generator.integers(0, 732, (1, 50)),
        "noise": generator.standard_normal((1, 192, 2 * TOKENS)).astype(np.float32),
        "noise_scale": np.array([0.5], np.float32), "timeline": np.array([0, 1], np.float32),
    }  # fmt: skip
    return {"rtf": _steps(lambda _: graph.run(**given), 3) / SECONDS}


def genie_stage2(folder: Path, threads: int) -> Figures:
    """The same; genie's graph computes the spectrogram of the reference each time."""
    session = _session(folder / "genie" / "vits_fp32.onnx", threads)
    generator = np.random.default_rng(2)
    given = {
        "text_seq": generator.integers(0, 732, (1, 50)), "pred_semantic": generator.integers(0, 1024, (1, 1, TOKENS)),
        "ref_audio": generator.standard_normal((1, 32000 * SECONDS)).astype(np.float32) * 0.1,
    }  # fmt: skip
    return {"rtf": _steps(lambda _: session.run(None, given), 3) / SECONDS}


def first_audio(folder: Path, precision: str, threads: int) -> Figures:
    """A sentence of 10 seconds: until the first chunk can be played, and until the whole sentence is there."""
    from gptsovits.runtime import rows
    from gptsovits.runtime.prompt import Conditioning
    from gptsovits.runtime.sampling import Sampling
    from gptsovits.runtime.speaking import Manner, Piece
    from gptsovits.runtime.streaming import Chunks, stream_piece
    from gptsovits.runtime.voice import Voice

    rows.MIN_TOKENS = SENTENCE  # random weights would end it by chance
    voice = Voice.load(folder / precision, threads, verify=False)
    generator = np.random.default_rng(3)
    ge = generator.standard_normal((1, 512, 1)).astype(np.float32) * 0.3
    conditioning = Conditioning(ge, generator.integers(0, 1024, PROMPT), generator.integers(0, 732, 30),
                                np.zeros((1024, 30), np.float32))  # fmt: skip
    piece = Piece("", generator.integers(0, 732, 100))
    manner = Manner(Sampling(seed=1, early_stop=SENTENCE - 1, drop_first_on_early_stop=False))
    voice.generate_tokens(piece.phones, None, conditioning, Sampling(seed=1, early_stop=12))
    begin = now()
    tokens = voice.generate_tokens(piece.phones, None, conditioning, manner.sampling)
    voice.decode(tokens, piece.phones, ge, seed=1)
    whole = now() - begin
    begin = now()
    parts = stream_piece(voice, piece, conditioning, manner, Chunks())
    next(parts)
    first = now() - begin
    samples = sum(len(part) for part in parts)
    return {"first_s": first, "whole_s": whole, "stream_s": now() - begin, "tokens": len(tokens),
            "samples_after_first": samples}  # fmt: skip


def training(threads: int) -> Figures:
    """A step of stage 2: batch 2, crop 0.64 s."""
    import torch

    from gptsovits.arch.discriminator import Discriminator
    from gptsovits.arch.s2 import S2Batch, Synthesizer
    from gptsovits.config import S2Config
    from gptsovits.train.s2_trainer import S2Trainer

    torch.set_num_threads(threads)
    trainer = S2Trainer(Synthesizer(S2Config()), Discriminator())
    frames, lengths = 100, torch.tensor([100, 90])
    batch = S2Batch(torch.randn(2, 768, frames), torch.rand(2, 1025, frames), lengths, torch.randint(732, (2, 40)),
                    torch.tensor([40, 30]), torch.rand(2, 1, 640 * frames) - 0.5)  # fmt: skip
    return {"step_s": _steps(lambda _: trainer.step(batch), 2)}


def _session(path: Path, threads: int) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _graph(folder: Path, name: str, threads: int) -> Any:
    """One graph by itself, so that its memory is seen."""
    from gptsovits.runtime.graph import Graph

    return Graph(folder / f"{name}.onnx", threads)


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def now() -> float:
    """Seconds on the clock that was asked for: of the wall, or of this process's computing."""
    return time.process_time() if os.environ.get(CLOCK) == "cpu" else time.perf_counter()


def _steps(advance: Callable[[int], object], count: int) -> float:
    """Median seconds of a step, after one that warms up."""
    advance(0)
    spent = []
    for number in range(1, count + 1):
        begin = now()
        advance(number)
        spent.append(now() - begin)
    return median(spent)


def main(task: str, folder: Path, threads: int) -> None:
    """``task`` is a name and its arguments, joined by colons."""
    name, *more = task.split(":")
    if name == "prepare":
        prepare(folder)
        return
    if name == "stage1":
        found = stage1(folder, more[0], int(more[1]), threads)
    elif name in ("stage2", "first_audio"):
        found = {"stage2": stage2, "first_audio": first_audio}[name](folder, more[0], threads)
    elif name == "training":
        found = training(threads)
    else:
        found = {"genie_stage1": genie_stage1, "genie_stage2": genie_stage2}[name](folder, threads)
    found.setdefault("peak_mb", _peak_mb())
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
