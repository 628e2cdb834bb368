"""A convolution over time gives the same sound as one over an image of height 1."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from gptsovits.export.convolutions import heighten


class Several(nn.Module):
    """Dilated, strided, grouped and without bias; the last takes its weight as an input of the graph."""

    def __init__(self) -> None:
        super().__init__()
        self.dilated = nn.Conv1d(16, 32, 5, padding=4, dilation=2)
        self.strided = nn.Conv1d(32, 32, 4, stride=2, bias=False)
        self.grouped = nn.Conv1d(32, 16, 3, groups=4)

    def forward(self, x: Tensor, kernel: Tensor) -> Tensor:
        """``(B, 16, T)`` and ``(4, 16, 3)``."""
        y = self.grouped(self.strided(torch.nn.functional.leaky_relu(self.dilated(x), 0.1)))
        return torch.nn.functional.conv1d(y, kernel)


@pytest.mark.parametrize("frames", [30, 47])
def test_values_are_the_same_and_variable_weights_are_left(tmp_path: Path, frames: int) -> None:
    torch.manual_seed(1)
    network, path, x, kernel = Several().eval(), tmp_path / "g.onnx", torch.randn(2, 16, 30), torch.randn(4, 16, 3)
    torch.onnx.export(
        network, (x, kernel), str(path), input_names=["x", "kernel"], output_names=["y"],
        dynamic_axes={"x": {2: "frames"}}, opset_version=17, dynamo=False,
    )  # fmt: skip
    model = onnx.load(str(path))
    assert heighten(model) == 3
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    x = torch.randn(2, 16, frames)
    with torch.no_grad():
        expected = network(x, kernel).numpy()
    (found,) = session.run(None, {"x": x.numpy(), "kernel": kernel.numpy()})
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_graph_without_convolutions_stays_as_it_is() -> None:
    node = onnx.helper.make_node("Relu", ["x"], ["y"])
    value = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [3]) for name in "xy"]
    model = onnx.helper.make_model(onnx.helper.make_graph([node], "g", value[:1], value[1:]))
    before = model.SerializeToString()
    assert heighten(model) == 0
    assert model.SerializeToString() == before
