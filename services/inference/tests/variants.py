"""Many voices out of one, by scaling: each has stage 2 and timbre of its own, a few share each stage 1."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from gptsovits.formats.digests import file_digest

STAGES_1 = 4
_OWN = ("s2", "style")
_SHARED = ("s1_prefill", "s1_step")


def variant(bundle: Path, out: Path, number: int) -> Path:
    """Voice `number` of an exported nano bundle, a bundle in the new folder `out`; 0 speaks as the original does."""
    shutil.copytree(bundle, out)
    header = json.loads((out / "bundle.json").read_text())
    factors = dict.fromkeys(_OWN, 1 + number / 200) | dict.fromkeys(_SHARED, 1 / (1 + number % STAGES_1 / 2))
    for graph, factor in factors.items():
        path = out / header["graphs"][graph]["file"]
        _scale_head(path, factor)
        header["graphs"][graph]["blake3"] = file_digest(path)
    (out / "bundle.json").write_text(json.dumps(header))
    return out


def _scale_head(path: Path, factor: float) -> None:
    """Multiplies the last matrix of a graph."""
    model = onnx.load(path)
    head = [tensor for tensor in model.graph.initializer if len(tensor.dims) == 2][-1]
    head.CopyFrom(numpy_helper.from_array((numpy_helper.to_array(head) * factor).astype(np.float32), head.name))
    onnx.save(model, path)
