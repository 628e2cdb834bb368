"""A bundle prepared for TensorRT: graphs, shape profiles, a build job for the target GPU, and what to compare with.

Plans are built where they run: they never travel between types of GPU.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from gptsovits.errors import BrokenVoice
from gptsovits.runtime import limits
from gptsovits.runtime.bundle import GRAPHS, read_header
from gptsovits.runtime.graph import Graph
from gptsovits.runtime.rows import MAX_TOKENS
from gptsovits.runtime.stage1 import GROWTH
from gptsovits.whole import replacing, write_whole

IMAGE = "nvcr.io/nvidia/tensorrt:25.08-py3"
Extents = tuple[int, int, int]
_FRAMES = int(2 * MAX_TOKENS / limits.SPEED[0]) + 1
COMMON: Mapping[str, Extents] = {
    "batch": (1, 1, limits.BATCH),
    "phones": (1, 120, limits.PHONES),
    "prompt": (0, 150, limits.PROMPT_TOKENS),
    "capacity": (1, 512, limits.PHONES + limits.PROMPT_TOKENS + MAX_TOKENS + GROWTH),
    "tokens": (1, 125, MAX_TOKENS),
    "frames": (1, 250, limits.REFERENCE_FRAMES),
}
"""Least, usual and most of every dynamic extent, by its name in the graph."""
OF_GRAPH: Mapping[str, Mapping[str, Extents]] = {
    "s2": {"frames": (1, 250, _FRAMES)},
    "quantise": {"frames": (2, 250, limits.REFERENCE_FRAMES)},
}
_TYPES: Mapping[int, Any] = {onnx.TensorProto.FLOAT: np.float32, onnx.TensorProto.INT64: np.int64}


def write_tensorrt(bundle: Path, out: Path) -> Path:
    """Writes ``out`` from an exported float32 bundle; raises ``BrokenVoice`` for other precisions."""
    header = read_header(bundle)
    if header.get("precision", "fp32") != "fp32":
        raise BrokenVoice("TensorRT is built from a float32 bundle: export one with `--precision fp32`.")
    out.mkdir(parents=True, exist_ok=True)
    profiles = {}
    for name in GRAPHS:
        file = header["graphs"][name]["file"]
        with replacing(out / file) as beside:
            shutil.copyfile(bundle / file, beside)
        profiles[name] = profile_of(out / file, name)
        _write_check(out, name, profiles[name])
    write_whole(out / "bundle.json", (bundle / "bundle.json").read_bytes())
    write_whole(out / "profiles.json", json.dumps(profiles, indent=1, sort_keys=True) + "\n")
    write_whole(out / "build.sh", build_script(profiles))
    write_whole(out / "job.json", json.dumps(build_job(), indent=1) + "\n")
    return out


def profile_of(path: Path, name: str) -> dict[str, dict[str, Any]]:
    """Per input: type and shapes ``min``, ``opt``, ``max``."""
    ranges = {**COMMON, **OF_GRAPH.get(name, {})}
    found = {}
    for value in onnx.load(str(path), load_external_data=False).graph.input:
        tensor = value.type.tensor_type
        extents = [ranges[dim.dim_param] if dim.dim_param else (dim.dim_value,) * 3 for dim in tensor.shape.dim]
        shapes = {key: [extent[place] for extent in extents] for place, key in enumerate(("min", "opt", "max"))}
        found[value.name] = {"type": np.dtype(_TYPES[tensor.elem_type]).name, **shapes}
    return found


def build_script(profiles: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> str:
    """A shell script that builds a plan per graph and runs it once on the stored inputs."""
    about = "# Builds the plans for the GPU of this machine; needs trtexec (TensorRT 10 or newer)."
    lines = ["#!/bin/sh", about, "set -eu"]
    for name, inputs in profiles.items():
        shapes = [
            f"--{key}Shapes=" + ",".join(f"{i}:{'x'.join(map(str, facts[key]))}" for i, facts in inputs.items()
                                         if facts["min"] != facts["max"])
            for key in ("min", "opt", "max")
        ]  # fmt: skip
        loaded = ",".join(f"{i}:check/{name}/{i}.bin" for i in inputs)
        given = ",".join(f"{i}:{'x'.join(map(str, _check_shape(facts)))}" for i, facts in inputs.items())
        lines.append(f"trtexec --onnx={name}.onnx --saveEngine={name}.plan {' '.join(shapes)} --skipInference")
        lines.append(
            f"trtexec --loadEngine={name}.plan --shapes={given} --loadInputs={loaded} "
            f"--iterations=1 --duration=0 --warmUp=0 --exportOutput=check/{name}/output.json"
        )
    return "\n".join([*lines, ""])


def build_job() -> dict[str, Any]:
    """A Kubernetes Job that builds in a volume holding this folder."""
    container = {
        "name": "build",
        "image": IMAGE,
        "workingDir": "/voice",
        "command": ["sh", "build.sh"],
        "resources": {"limits": {"nvidia.com/gpu": 1}},
        "volumeMounts": [{"name": "voice", "mountPath": "/voice"}],
    }
    pod = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "containers": [container],
        "volumes": [{"name": "voice", "persistentVolumeClaim": {"claimName": "voice"}}],
    }
    spec = {"backoffLimit": 1, "template": {"spec": pod}}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "voicehub-tensorrt-build"}, "spec": spec}


def compare_plans(folder: Path) -> dict[str, float]:
    """After ``build.sh``: the largest difference of each plan's outputs to onnxruntime's."""
    found = {}
    for name in json.loads((folder / "profiles.json").read_text(encoding="utf-8")):
        place = folder / "check" / name
        try:
            outputs = json.loads((place / "output.json").read_text(encoding="utf-8"))
        except OSError as error:
            raise BrokenVoice(f"{place} has no outputs: run build.sh on the machine with the GPU first.") from error
        distances = [0.0]
        for output in outputs:
            expected = np.load(place / f"{output['name']}.npy")
            values = np.asarray(output["values"], np.float64).reshape(expected.shape)
            distances.append(float(np.abs(values - expected).max(initial=0.0)))
        found[name] = max(distances)
    return found


def _check_shape(facts: Mapping[str, Any]) -> list[int]:
    """Small enough to store, inside the profile."""
    return [max(low, min(usual, 8)) if low != high else low for low, usual, high in
            zip(facts["min"], facts["opt"], facts["max"], strict=True)]  # fmt: skip


def _write_check(out: Path, name: str, profile: Mapping[str, Mapping[str, Any]]) -> None:
    """Inputs as raw bytes and what onnxruntime makes of them."""
    generator, place = np.random.default_rng(11), out / "check" / name
    place.mkdir(parents=True, exist_ok=True)
    inputs: dict[str, NDArray[Any]] = {}
    for key, facts in profile.items():
        shape = _check_shape(facts)
        whole = facts["type"] == "int64"
        inputs[key] = generator.integers(0, 2, shape) if whole else generator.random(shape, np.float32) * 0.5
        inputs[key].tofile(place / f"{key}.bin")
    graph = Graph(out / f"{name}.onnx", 1)
    for key, value in zip(graph.outputs, graph.run(**inputs), strict=True):
        np.save(place / f"{key}.npy", value)
