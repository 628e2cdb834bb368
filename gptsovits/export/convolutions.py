"""Convolutions over time as convolutions over an image of height 1, which onnxruntime computes faster on a CPU.

With one spatial axis it unfolds the input into a matrix first; with two it works in blocks of channels as wide as a
vector register. What lies between two convolutions works on images, too, so that the blocks are not undone there.
Values stay the same up to the order of summation.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

_AXIS = "height_axis"
_PER_AXIS = ("kernel_shape", "strides", "dilations")
_POINTWISE = frozenset({"LeakyRelu", "Tanh", "Add", "Div", "Mul"})


def heighten(model: onnx.ModelProto) -> int:
    """Rewrites every ``(B, C, T)`` convolution with constant weights as ``(B, C, 1, T)``; answers how many."""
    graph = model.graph
    weights = {tensor.name: tensor for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            weights[node.output[0]] = node.attribute[0].t
    chosen = [node for node in graph.node if node.op_type == "Conv" and _is_over_time(weights.get(node.input[1]))]
    if not chosen:
        return 0
    outputs = {node.output[0] for node in chosen}
    for name in {node.input[1] for node in chosen}:
        outer, inner, width = weights[name].dims
        weights[name].dims[:] = (outer, inner, 1, width)
    scalars = {name for name, tensor in weights.items() if np.prod(tensor.dims) == 1 and len(tensor.dims) <= 1}
    nodes = list(_Heightening(outputs, scalars, {value.name for value in graph.output}).nodes(graph.node))
    del graph.node[:]
    graph.node.extend(nodes)
    graph.initializer.append(numpy_helper.from_array(np.array([2], np.int64), _AXIS))
    return len(chosen)


def _is_over_time(weight: onnx.TensorProto | None) -> bool:
    return weight is not None and len(weight.dims) == 3


class _Heightening:
    """One pass over the nodes in their order. Values exist as images, as they were, or both, as they are needed."""

    def __init__(self, convolutions: set[str], scalars: set[str], wanted: set[str]) -> None:
        self._convolutions, self._scalars, self._wanted = convolutions, scalars, wanted
        self._over_time: set[str] = set()
        """Known to be ``(B, C, T)``."""
        self._images: set[str] = set()
        """Of these, those that exist as images."""
        self._flat_missing: set[str] = set()
        """Of those, the ones that exist only as images so far."""

    def nodes(self, before: Any) -> Iterator[onnx.NodeProto]:
        """The nodes of the rewritten graph."""
        for node in before:
            if node.op_type == "Conv" and node.output[0] in self._convolutions:
                yield from self._image_of(node.input[0])
                yield self._made_image(_convolution(node))
            elif node.op_type in _POINTWISE and self._fits(node.input):
                for name in node.input:
                    yield from self._image_of(name)
                yield self._made_image(_renamed(node, self._images))
            else:
                for name in node.input:
                    yield from self._flat(name)
                if node.op_type == "ConvTranspose":
                    self._over_time.add(node.output[0])
                yield _copy(node)
            if node.output[0] in self._wanted:
                yield from self._flat(node.output[0])

    def _fits(self, inputs: Any) -> bool:
        known = [name in self._over_time for name in inputs]
        return any(known) and all(
            is_known or name in self._scalars for is_known, name in zip(known, inputs, strict=True)
        )

    def _image_of(self, name: str) -> Iterator[onnx.NodeProto]:
        """Makes the image of a value if there is none yet."""
        if name not in self._images and name not in self._scalars:
            self._images.add(name)
            yield helper.make_node("Unsqueeze", [name, _AXIS], [_image(name)])

    def _made_image(self, node: onnx.NodeProto) -> onnx.NodeProto:
        """Notes what the node makes."""
        name = node.output[0]
        for kept in (self._over_time, self._images, self._flat_missing):
            kept.add(name)
        node.output[0] = _image(name)
        return node

    def _flat(self, name: str) -> Iterator[onnx.NodeProto]:
        """Makes a value without the height if it exists only as an image."""
        if name in self._flat_missing:
            self._flat_missing.remove(name)
            yield helper.make_node("Squeeze", [_image(name), _AXIS], [name])


def _image(name: str) -> str:
    return f"{name}.image"


def _renamed(node: onnx.NodeProto, images: set[str]) -> onnx.NodeProto:
    copy = _copy(node)
    copy.input[:] = [_image(name) if name in images else name for name in node.input]
    return copy


def _convolution(node: onnx.NodeProto) -> onnx.NodeProto:
    """The same over an image of height 1."""
    attributes: dict[str, Any] = {one.name: helper.get_attribute_value(one) for one in node.attribute}
    attributes |= {name: [1, *attributes[name]] for name in _PER_AXIS if name in attributes}
    if "pads" in attributes:
        before, after = attributes["pads"]
        attributes["pads"] = [0, before, 0, after]
    inputs = [_image(node.input[0]), *node.input[1:]]
    return helper.make_node("Conv", inputs, list(node.output), node.name, **attributes)


def _copy(node: onnx.NodeProto) -> onnx.NodeProto:
    return onnx.NodeProto.FromString(node.SerializeToString())
