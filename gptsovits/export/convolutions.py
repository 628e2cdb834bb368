"""Convolutions over time as convolutions over an image of height 1, which onnxruntime computes faster on a CPU.

With one spatial axis it unfolds the input into a matrix first; with two it works in blocks of channels as wide as a
vector register. Values stay the same up to the order of summation.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

_AXIS = "height_axis"
_PER_AXIS = ("kernel_shape", "strides", "dilations")


def heighten(model: onnx.ModelProto) -> int:
    """Rewrites every ``(B, C, T)`` convolution with constant weights as ``(B, C, 1, T)``; answers how many."""
    graph = model.graph
    weights = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            weights[node.output[0]] = node.attribute[0].t
    chosen = [node for node in graph.node if node.op_type == "Conv" and _is_over_time(weights.get(node.input[1]))]
    for name in {node.input[1] for node in chosen}:
        outer, inner, width = weights[name].dims
        weights[name].dims[:] = (outer, inner, 1, width)
    outputs = {node.output[0] for node in chosen}
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        nodes += _tall(node) if node.op_type == "Conv" and node.output[0] in outputs else [_copy(node)]
    del graph.node[:]
    graph.node.extend(nodes)
    if chosen:
        graph.initializer.append(numpy_helper.from_array(np.array([2], np.int64), _AXIS))
    return len(chosen)


def _is_over_time(weight: onnx.TensorProto | None) -> bool:
    return weight is not None and len(weight.dims) == 3


def _tall(node: onnx.NodeProto) -> list[onnx.NodeProto]:
    data, weight, *bias = node.input
    (made,) = node.output
    attributes: dict[str, Any] = {one.name: helper.get_attribute_value(one) for one in node.attribute}
    attributes |= {name: [1, *attributes[name]] for name in _PER_AXIS if name in attributes}
    if "pads" in attributes:
        before, after = attributes["pads"]
        attributes["pads"] = [0, before, 0, after]
    return [
        helper.make_node("Unsqueeze", [data, _AXIS], [f"{made}.data"]),
        helper.make_node("Conv", [f"{made}.data", weight, *bias], [f"{made}.tall"], node.name, **attributes),
        helper.make_node("Squeeze", [f"{made}.tall", _AXIS], [made]),
    ]


def _copy(node: onnx.NodeProto) -> onnx.NodeProto:
    return onnx.NodeProto.FromString(node.SerializeToString())
