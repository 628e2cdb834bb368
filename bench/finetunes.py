"""Fine-tunes for benches: real training steps on the nano base and on the full v2 size, kept in the cache folder.

`python -m bench.finetunes nano|full` makes three each of the last layers, the decoder and everything. The nano ones
learn from real speech; the full-size ones take real steps of the published recipe from weights by rule
(`gptsovits.parity.fill`) on made-up clips, because the published weights are not ours to carry. Both are stored in half
precision, as voices are.
"""

from __future__ import annotations

import sys

if not __package__:
    sys.path[0] += "/.."  # Run as a file: beside it, operator.py would stand for Python's own.

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

import gptsovits
from bench.genie import cache_folder

Weights = dict[str, NDArray[Any]]
SCOPES = ("last", "decoder", "everything")
SIZES = ("nano", "full")
SEEDS = (1, 2, 3)
NANO_STEPS = 60
FULL_STEPS = {"s1": 8, "s2": 6}
CLIP_SECONDS = 1.4


def folder_of(size: str, name: str) -> Path:
    """Where `s1.safetensors` and `s2.safetensors` of `base` or `<scope>-<seed>` lie."""
    return cache_folder() / "finetunes" / size / name


def voice(size: str, name: str) -> Weights:
    """Both stages of a fine-tune or of `base`, names prefixed as on a hub; made first if it is not there."""
    folder = folder_of(size, name)
    if not (folder / "s2.safetensors").is_file():
        make(size, name)
    stages = {stage: load_file(folder / f"{stage}.safetensors") for stage in ("s1", "s2")}
    return {f"{stage}/{key}": value for stage, tensors in stages.items() for key, value in tensors.items()}


def make(size: str, name: str) -> None:
    """Trains it (or copies the base) and writes it."""
    scope, _, seed = name.partition("-")
    stages = (_nano if size == "nano" else _full)(scope, int(seed or 0))
    folder = folder_of(size, name)
    folder.mkdir(parents=True, exist_ok=True)
    for stage, tensors in stages.items():
        save_file(tensors, folder / f"{stage}.part")
    for stage in stages:
        (folder / f"{stage}.part").rename(folder / f"{stage}.safetensors")


def _nano(scope: str, seed: int) -> dict[str, Weights]:
    from gptsovits.finetune.align import align
    from gptsovits.finetune.speaker import features_of_clips, replay_set
    from gptsovits.finetune.stages import AcousticStage, SemanticStage, Stage, VocoderStage, update
    from gptsovits.nano.base import S1_FILE, S2_FILE, load_base
    from gptsovits.pretrain.semantic import spoken_texts
    from tools.demo.recording import TRANSCRIPT, find_source, read_16k

    place = Path(gptsovits.__file__).parent / "bases" / "nano"
    if scope == "base":
        return {"s1": load_file(place / S1_FILE), "s2": load_file(place / S2_FILE)}
    torch.manual_seed(seed)
    source = np.random.default_rng(seed)
    base = load_base(place)
    clips = align(base, read_16k(find_source().recording), TRANSCRIPT)
    items = features_of_clips(base, [clips[index] for index in source.permutation(len(clips))[: len(clips) - 2]])
    stages: list[Stage] = [VocoderStage(base.voice, items, 1)]
    if scope == "everything":
        replay = replay_set(place)
        stages.append(SemanticStage(base.voice, spoken_texts(items), replay, 1))
        stages.append(AcousticStage(base.voice, items, replay, 1))
    if scope == "last":
        _freeze(base.voice.s2, lambda name: name.startswith(("dec.norm.", "dec.leave.")))
    for stage in stages:
        for step in range(NANO_STEPS):
            update(stage, stage.step(step / NANO_STEPS, source))
    return {"s1": _half(base.voice.s1.state_dict()), "s2": _half(base.voice.s2.state_dict())}


def _full(scope: str, seed: int) -> dict[str, Weights]:
    from gptsovits.arch.loading import dump, load_s1, load_s2
    from gptsovits.formats.checkpoint_writer import distributed
    from gptsovits.train.s1_trainer import S1Trainer
    from gptsovits.train.s2_trainer import freeze_all_but
    from gptsovits.train.scope import stage1_prefixes, stage2_prefixes

    one, two, configs = _full_base()
    if scope == "base":
        return {"s1": one, "s2": distributed(two)}
    torch.manual_seed(seed)
    learned = "all" if scope == "everything" else scope
    s1, s2 = load_s1(one, configs["s1"]), load_s2(two, configs["s2"], posterior=True)
    prefixes = {"s1": stage1_prefixes(learned, s1), "s2": stage2_prefixes(learned, s2)}  # type: ignore[arg-type]
    if prefixes["s1"]:
        freeze_all_but(s1, prefixes["s1"])
        _steps_of_stage1(S1Trainer(s1), seed)
    freeze_all_but(s2, prefixes["s2"])
    _steps_of_stage2(s2, seed)
    tuned = {"s1": _merged(one, dump(s1), prefixes["s1"]), "s2": _merged(two, dump(s2), prefixes["s2"])}
    return {"s1": tuned["s1"], "s2": distributed(tuned["s2"])}


def _full_base() -> tuple[Weights, Weights, dict[str, Any]]:
    from dataclasses import asdict

    from gptsovits.config import S1Config, S2Config
    from gptsovits.parity.fill import filled
    from gptsovits.parity.published import published_networks

    networks = published_networks({})
    stages = []
    for name in ("s1_v2", "s2G_v2"):
        shapes = {key: tuple(value.shape) for key, value in networks[name].state_dict().items()}
        stages.append({key: value.astype(np.float16) for key, value in filled(shapes).items()})
    model = asdict(S2Config())
    data = model.pop("spectrogram")
    configs = {"s1": {"model": asdict(S1Config())}, "s2": {"model": model, "data": data, "train": {}}}
    return stages[0], stages[1], configs


def _clips(seed: int) -> list[Any]:
    from gptsovits.train.clips import TrainingClip

    draw, frames = np.random.default_rng(seed), int(CLIP_SECONDS * 50)
    at = np.arange(frames * 640) / 32000
    return [
        TrainingClip(
            f"clip{number}", (0.3 * np.sin(2 * np.pi * draw.uniform(90, 300) * at)).astype(np.float32),
            draw.standard_normal((768, frames)).astype(np.float32), draw.integers(0, 732, 10),
            draw.integers(0, 1024, frames // 2),
        )
        for number in range(4)
    ]  # fmt: skip


def _steps_of_stage1(trainer: Any, seed: int) -> None:
    from gptsovits.train.batches import stage1_batch

    clips = _clips(seed)
    for step in range(FULL_STEPS["s1"] * 4 + 1):  # the published recipe updates after every fourth batch
        trainer.step(stage1_batch([clips[step % len(clips)]], trainer.network.config.bert_dim))


def _steps_of_stage2(network: Any, seed: int) -> None:
    from gptsovits.arch.discriminator import Discriminator
    from gptsovits.train.batches import stage2_batch
    from gptsovits.train.s2_trainer import S2Trainer

    clips = _clips(seed)
    trainer = S2Trainer(network, Discriminator.for_config(network.config))
    for step in range(FULL_STEPS["s2"]):
        trainer.step(stage2_batch([clips[step % len(clips)]], network.config.spectrogram))


def _merged(base: Weights, learned: Mapping[str, NDArray[Any]], prefixes: tuple[str, ...]) -> Weights:
    return {
        name: learned[name].astype(value.dtype) if prefixes and name.startswith(prefixes) else value
        for name, value in base.items()
    }


def _freeze(network: torch.nn.Module, learns: Callable[[str], bool]) -> None:
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(learns(name))


def _half(tensors: Mapping[str, torch.Tensor]) -> Weights:
    return {name: value.detach().to(torch.float16).numpy() for name, value in tensors.items()}


def main() -> int:
    """Makes what is missing, one after the other."""
    parser = argparse.ArgumentParser(prog="python -m bench.finetunes", description=__doc__)
    parser.add_argument("sizes", nargs="+", choices=SIZES)
    torch.set_num_threads(1)
    for size in parser.parse_args().sizes:
        for name in ("base", *(f"{scope}-{seed}" for scope in SCOPES for seed in SEEDS)):
            print(size, name, f"{sum(value.nbytes for value in voice(size, name).values()) / 1e6:.1f} MB", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
