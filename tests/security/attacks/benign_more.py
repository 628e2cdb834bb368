"""Honest files beyond voice files: training states, packs, arrays, documents, and what honest savers add."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import pickle
import tarfile
import wave
import zipfile
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import safetensors.torch
import torch

from tests.security.attacks.benign import Tensors, saved, settings_of, small
from tests.security.attacks.case import Case
from tests.security.attacks.containers import S2, golden


def training_states() -> Iterator[Case]:
    """States that training programs keep: optimizers, schedulers, Lightning, module tables."""
    voice, stage1 = small(S2), small("tiny-e15.ckpt")
    network = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.BatchNorm1d(4))
    optimizer = torch.optim.AdamW(network.parameters(), 1e-3)
    network(torch.ones(8, 4)).sum().backward()
    optimizer.step()
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.99)
    state, config = optimizer.state_dict(), settings_of("v2")
    lightning = {
        "epoch": 1,
        "pytorch-lightning_version": "2.1",
        "state_dict": stage1,
        "loops": {"fit_loop": {"a": 1}},
        "callbacks": {"ModelCheckpoint": {"best_model_score": torch.tensor(0.3), "kth_value": float("inf")}},
        "optimizer_states": [state],
        "lr_schedulers": [schedule.state_dict()],
    }
    contents: dict[str, Any] = {
        "generator": {"model": voice, "iteration": 3, "optimizer": state, "learning_rate": 1e-4},
        "voice-with-optimizer": {"weight": voice, "config": config, "info": "x", "optimizer": state},
        "optimizer": state,
        "scheduler": {"weight": voice, "config": config, "scheduler": schedule.state_dict()},
        "lightning": lightning,
        "module": network.state_dict(),
        "bare-tensor": torch.ones(3, 4),
        "list-of-tensors": [torch.ones(3), torch.zeros(2)],
        "vocoder": {"generator": voice},
        "parallel": {"weight": {f"module.{name}": tensor for name, tensor in voice.items()}, "config": config},
        "other-model": {"weight": {"layer.0.weight": torch.ones(4, 4)}, "config": {}, "info": ""},
        "whole-numbers": {"weight": {**voice, "steps": torch.tensor(3), "none": torch.zeros(0)}, "config": config},
        "new-types": {"weight": {**voice, **_new_types()}, "config": config},
        "expanded": {"weight": {**voice, "x": torch.ones(4).expand(3, 4)}, "config": config},
    }
    for name, content in contents.items():
        yield Case("training-states", name, "G_2333.pth", saved(content))
        legacy = saved(content, _use_new_zipfile_serialization=False)
        yield Case("training-states", f"{name}-legacy", "G_2333.pth", legacy)


def _new_types() -> Tensors:
    """Tensors of types without a storage class of their own."""
    kinds = (torch.uint16, torch.uint32, torch.uint64, torch.float8_e4m3fn, torch.float8_e5m2, torch.bits8)
    return {f"of.{kind}": torch.zeros(16, dtype=torch.uint8).view(kind) for kind in kinds}


def odd_settings() -> Iterator[Case]:
    """Settings and remarks in forms that savers leave behind."""
    voice, config = small(S2), settings_of("v2")
    numbers = json.loads(json.dumps(config))
    numbers["train"] |= {"learning_rate": np.float64(1e-4), "epochs": np.int64(8), "fp16_run": np.bool_(True)}
    numbers["model"]["hidden_channels"] = np.int32(numbers["model"]["hidden_channels"])
    for protocol in (2, 3, 4, 5):
        content = {"weight": voice, "config": numbers, "info": "x"}
        yield Case("odd-settings", f"numpy-numbers-{protocol}", "v.pth", saved(content, pickle_protocol=protocol))
    more: dict[str, Mapping[str, Any]] = {
        "numpy-array": {"config": {**config, "statistics": np.zeros(3)}},
        "numpy-array-aside": {"f0": np.zeros((2, 3), np.float32)},
        "remark-number": {"info": 8},
        "remark-table": {"info": {"epoch": 8}},
        "no-remark": {"info": None},
        "no-settings": {"config": None},
        "settings-as-text": {"config": json.dumps(config)},
        "settings-as-list": {"config": [1025, 32, [3, 7, 11]], "sr": "40k", "f0": 1, "version": "v2"},
        "torch-type": {"dtype": torch.float16, "device": torch.device("cpu"), "shape": torch.Size([2])},
        "containers": {"a": {1, 2}, "b": frozenset([1]), "c": b"abc", "d": bytearray(b"x"), "e": (1, (2,)), "f": 1j},
        "numbered": {"config": {**config, "speakers": {0: "a"}}},
        "infinite": {"config": {**config, "train": {**config["train"], "best": float("inf")}}},
        "no-version": {"config": {**config, "model": {**config["model"], "version": None}}},
    }
    for name, change in more.items():
        for protocol in (2, 4):
            content = {"weight": voice, "config": config, "info": "x", **change}
            yield Case("odd-settings", f"{name}-{protocol}", "v.pth", saved(content, pickle_protocol=protocol))


def bare_pickles() -> Iterator[Case]:
    """Plain data of every protocol."""
    values = {
        "table": {"a": 1, "b": [1.5, "x", None, True], "c": (1, 2)},
        "ordered": OrderedDict(a=1, b=[2]),
        "chinese": [1, "三"],
        "array": np.arange(5.0),
        "sets": {"a": {1, 2}, "f": frozenset("ab"), "b": b"xx", "e": b"", "d": bytearray(b"a")},
    }
    for name, value in values.items():
        for protocol in range(6):
            yield Case("bare-data", f"{name}-{protocol}", "data.pkl", pickle.dumps(value, protocol))


def arrays() -> Iterator[Case]:
    """safetensors of any names and types, numpy files and packs of them."""
    tensors: Tensors = {name: tensor.contiguous() for name, tensor in small(S2).items()}
    metadata = {"format": "pt", "config": "v2", "author": "某人", "info": "{}"}
    for name, dtype in {"half": torch.float16, "single": torch.float32, "bfloat": torch.bfloat16}.items():
        typed = {key: tensor.to(dtype) for key, tensor in tensors.items()}
        yield Case("arrays", f"voice-{name}", "v.safetensors", safetensors.torch.save(typed, metadata))
    for dtype in (torch.float8_e4m3fn, torch.uint16, torch.uint64, torch.int8, torch.bool, torch.complex64):
        content = safetensors.torch.save({"a": torch.zeros(4).to(dtype), "b": torch.zeros((0, 3)).to(dtype)})
        yield Case("arrays", f"safetensors-{dtype}", "a.safetensors", content)
    for kind in ("float16", "float64", "int64", "uint8", "bool", "complex64", "<U5", "S3"):
        buffer = io.BytesIO()
        np.save(buffer, np.zeros((2, 3)).astype(kind))
        yield Case("arrays", f"numpy-{kind}", "a.npy", buffer.getvalue())
    stored, packed = io.BytesIO(), io.BytesIO()
    np.savez(stored, np.zeros(3), np.ones((2, 2)))
    np.savez_compressed(packed, np.zeros(3), np.ones((2, 2)))
    yield Case("arrays", "numpy-pack", "a.npz", stored.getvalue())
    yield Case("arrays", "numpy-pack-compressed", "a.npz", packed.getvalue())


def packs() -> Iterator[Case]:
    """Archives of good files."""
    models = {"voice-e15.ckpt": golden(), "voice_e8.pth": golden(S2)}
    pack = {
        **models,
        "config.json": b'{"a": 1}',
        "voice.yaml": b"a: 1\n",
        "README.txt": "你好 hello\n".encode(),
        "asr.list": "a.wav|s|ZH|你好\n".encode(),
        "LICENSE": b"MIT License\n",
        "reference.wav": _wave(),
    }
    named = {"模型/声音.ckpt": golden()}
    for name, members in {"models": models, "pack": pack, "chinese": named}.items():
        for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            yield Case("packs", f"{name}-zip-{method}", "voice.zip", _zip(members, method))
        for mode in ("w", "w:gz", "w:bz2", "w:xz"):
            yield Case("packs", f"{name}-tar-{mode}", "voice.tar", _tar(members, mode))
    packed = {"gz": gzip.compress(golden()), "bz2": bz2.compress(golden()), "xz": lzma.compress(golden())}
    for name, content in packed.items():
        yield Case("packs", name, f"voice.pth.{name}", content)
    yield Case("packs", "zip-in-zip", "voice.zip", _zip({"inner.zip": _zip(models, 0)}, 0))


def documents() -> Iterator[Case]:
    """Texts and settings beside a voice."""
    for name, content in {
        "config.json": json.dumps(settings_of("v2"), indent=2).encode(),
        "list.json": b"[]",
        "word.json": b'"x"',
        "voice.yaml": "名: 声\nx: [1, 2]\n".encode(),
        "README.md": b"# A voice\n",
        "notes.txt": "你好\r\n".encode(),
        "asr.list": b"a|b|c\n",
        "LICENSE": b"MIT\n",
        "reference.wav": _wave(),
    }.items():
        yield Case("documents", name, name, content)


def _wave() -> bytes:
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as target:
        target.setnchannels(1)
        target.setsampwidth(2)
        target.setframerate(32_000)
        target.writeframes(bytes(6400))
    return buffer.getvalue()


def _zip(members: Mapping[str, bytes], method: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as target:
        for name, data in members.items():
            target.writestr(name, data)
    return buffer.getvalue()


def _tar(members: Mapping[str, bytes], mode: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as target:  # type: ignore[call-overload]
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            target.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def benign_more() -> Iterator[Case]:
    """All of them."""
    for family in (training_states, odd_settings, bare_pickles, arrays, packs, documents):
        yield from family()
