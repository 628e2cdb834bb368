"""Graphs whose weights stay in their file compute what they compute when they are read whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from gptsovits.errors import BrokenVoice
from gptsovits.runtime.graph import Graph
from gptsovits.runtime.weights import SMALLEST, without_weights


def _written(path: Path, dtype: type[np.generic]) -> np.ndarray:
    """``y = table[ids] @ matrix + bias``, of which the bias is small."""
    draw = np.random.default_rng(4)
    table, matrix = draw.standard_normal((300, 128)).astype(dtype), draw.standard_normal((128, 256)).astype(dtype)
    bias = draw.standard_normal(256).astype(np.float32)
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["row"]),
        helper.make_node("Cast", ["row"], ["x"], to=TensorProto.FLOAT),
        helper.make_node("Cast", ["matrix"], ["m"], to=TensorProto.FLOAT),
        helper.make_node("MatMul", ["x", "m"], ["xm"]),
        helper.make_node("Add", ["xm", "bias"], ["y"]),
    ]
    stored = [numpy_helper.from_array(v, n) for n, v in (("table", table), ("bias", bias), ("matrix", matrix))]
    inputs = [helper.make_tensor_value_info("ids", TensorProto.INT64, ["n"])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 256])]
    graph = helper.make_graph(nodes, "odd-name", inputs, outputs, stored)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))
    return table


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_values_are_the_same_and_the_graph_is_small(tmp_path: Path, dtype: type[np.generic]) -> None:
    path = tmp_path / "g.onnx"
    table = _written(path, dtype)
    slim = onnx.load_from_string(without_weights(path))
    assert slim.ByteSize() < SMALLEST
    places = {t.name: {e.key: e.value for e in t.external_data} for t in slim.graph.initializer}
    assert [bool(place) for place in places.values()] == [True, False, True]
    offset, length = (int(places["table"][name]) for name in ("offset", "length"))
    assert path.read_bytes()[offset : offset + length] == table.tobytes()
    whole = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    ids = np.array([7, 0, 299], np.int64)
    (expected,) = whole.run(None, {"ids": ids})
    (link := tmp_path / "snapshot" / "named.onnx").parent.mkdir()
    link.symlink_to(path)
    for place in (path, link):
        np.testing.assert_array_equal(Graph(place, 1).run(ids=ids)[0], expected)


@pytest.mark.parametrize("kept", [0, 1, 20, 1000, -1])
def test_a_damaged_file_is_a_broken_voice(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "g.onnx"
    _written(path, np.float32)
    content = path.read_bytes()[:kept]
    path.write_bytes(content)
    with pytest.raises(BrokenVoice, match="pull or export"):
        Graph(path, 1)
