"""Smaller weights in an exported graph: half precision on disk, or 8 bit for the linear layers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

Precision = Literal["fp32", "fp16", "int8"]
PRECISIONS: tuple[Precision, ...] = ("fp32", "fp16", "int8")
TOLERANCES: Mapping[Precision, float] = {"fp32": 2e-4, "fp16": 2e-2, "int8": 0.3}
"""Largest allowed difference from torch, relative to outputs above 1."""
_SMALL = 1024
"""Weights of fewer elements stay as they are."""
_BLOCKS = (128, 64, 32, 16)
_MIDDLE = 128


def reduce_precision(path: Path, precision: Precision) -> None:
    """Rewrites the graph in place: "int8" where it has linear layers with constant weights, the rest in half."""
    if precision == "fp32":
        return
    model = onnx.load(str(path))
    if precision == "int8":
        _quantise_linear(model)
    _halve(model)
    onnx.save(model, str(path))


def _halve(model: onnx.ModelProto) -> None:
    """Large float32 weights become float16 with a Cast that is done once, when the graph is loaded."""
    _constants_to_weights(model)
    casts = []
    kept = {name for node in model.graph.node if node.domain for name in node.input}
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype == np.float32 and values.size > _SMALL and tensor.name not in kept:
            name = tensor.name
            limit = np.finfo(np.float16).max
            tensor.CopyFrom(numpy_helper.from_array(values.clip(-limit, limit).astype(np.float16), name + ".half"))
            casts.append(helper.make_node("Cast", [name + ".half"], [name], to=onnx.TensorProto.FLOAT))
    for node in reversed(casts):
        model.graph.node.insert(0, node)


def _constants_to_weights(model: onnx.ModelProto) -> None:
    """Folded weights are written as Constant nodes."""
    left = []
    for node in model.graph.node:
        values = [attribute.t for attribute in node.attribute if attribute.name == "value"]
        if node.op_type == "Constant" and values and np.prod(values[0].dims) > _SMALL:
            values[0].name = node.output[0]
            model.graph.initializer.append(values[0])
        else:
            left.append(node)
    kept = [onnx.NodeProto.FromString(node.SerializeToString()) for node in left]
    del model.graph.node[:]
    model.graph.node.extend(kept)


def _quantise_linear(model: onnx.ModelProto) -> None:
    """Every MatMul with a constant right side becomes MatMulNBits: 8 bit per weight, one scale per block of inputs."""
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type != "MatMul" or node.input[1] not in weights:
            continue
        name = node.input[1]
        matrix = numpy_helper.to_array(weights[name])
        block = next((size for size in _BLOCKS if matrix.ndim == 2 and matrix.shape[0] % size == 0), 0)
        if not block or matrix.size <= _SMALL:
            continue
        if f"{name}.int8" not in weights:
            stored, scale = quantised(matrix, block)
            weights[f"{name}.int8"] = numpy_helper.from_array(stored, f"{name}.int8")
            weights[f"{name}.scale"] = numpy_helper.from_array(scale, f"{name}.scale")
            model.graph.initializer.extend((weights[f"{name}.int8"], weights[f"{name}.scale"]))
        _become_nbits(node, name, matrix.shape, block)
    used = {name for node in model.graph.node for name in node.input}
    left = [tensor for tensor in model.graph.initializer if tensor.name in used]
    del model.graph.initializer[:]
    model.graph.initializer.extend(left)
    if not any(entry.domain == "com.microsoft" for entry in model.opset_import):
        model.opset_import.append(helper.make_opsetid("com.microsoft", 1))


def _become_nbits(node: onnx.NodeProto, name: str, shape: tuple[int, ...], block: int) -> None:
    inputs = [node.input[0], f"{name}.int8", f"{name}.scale"]
    replacement = helper.make_node(
        "MatMulNBits", inputs, list(node.output), node.name, domain="com.microsoft", K=shape[0], N=shape[1], bits=8,
        block_size=block, accuracy_level=4,
    )  # fmt: skip
    node.CopyFrom(replacement)


def quantised(matrix: NDArray[Any], block: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """``(K, N)`` -> bytes ``(N, K / block, block)`` around 128, and scales ``(N, K / block)``, symmetric per block."""
    columns = matrix.T.reshape(matrix.shape[1], -1, block).astype(np.float32)
    scale = np.maximum(np.abs(columns).max(-1) / (_MIDDLE - 1), np.float32(1e-12))
    bytes_ = np.clip(np.round(columns / scale[..., None]), 1 - _MIDDLE, _MIDDLE - 1) + _MIDDLE
    return bytes_.astype(np.uint8), scale.astype(np.float32)
