"""One torch module to one ONNX file, compared with torch on inputs of two sizes."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from torch import Tensor, nn

from gptsovits.errors import BrokenVoice
from gptsovits.export.convolutions import heighten
from gptsovits.export.precision import TOLERANCES, Precision, reduce_precision
from gptsovits.formats.digests import file_digest
from gptsovits.whole import replacing

OPSET = 17


@dataclass(frozen=True)
class Graph:
    """A module, its named example inputs, their dynamic axes, and a second set of inputs of other sizes.

    ``heightened``: its time goes into convolutions, so they are rewritten for onnxruntime's faster ones.
    """

    name: str
    module: nn.Module
    inputs: Mapping[str, Tensor]
    outputs: tuple[str, ...]
    other_inputs: Mapping[str, Tensor]
    dynamic: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    slack: float = 1.0
    heightened: bool = False


@dataclass(frozen=True)
class Exported:
    """Where a graph lies, its digest, and how far it is from torch (largest absolute difference over all outputs)."""

    file: str
    blake3: str
    bytes: int
    max_error: float
    max_output: float

    def as_json(self) -> dict[str, str | int | float]:
        """The entry of ``bundle.json``."""
        return {
            "file": self.file,
            "blake3": self.blake3,
            "bytes": self.bytes,
            "compared_with_torch": {"max_error": self.max_error, "max_output": self.max_output},  # type: ignore[dict-item]
        }


def export_graph(graph: Graph, folder: Path, precision: Precision = "fp32") -> Exported:
    """Writes ``folder/<name>.onnx`` and compares it; raises when it differs from torch by more than its precision."""
    path = folder / f"{graph.name}.onnx"
    with replacing(path) as beside:
        _trace(graph, beside)
        reduce_precision(beside, precision)
        error, largest = _difference(graph, beside)
        if error > graph.slack * TOLERANCES[precision] * max(1.0, largest):
            raise BrokenVoice(
                f"The exported graph {graph.name} differs from the network by {error:.1e}; it was not kept."
            )
    return Exported(path.name, file_digest(path), path.stat().st_size, error, largest)


def _trace(graph: Graph, path: Path) -> None:
    with warnings.catch_warnings(), torch.no_grad():
        # The tracer warns about every shape it records; the second set of inputs is the real check.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            graph.module.eval(),
            tuple(graph.inputs.values()),
            str(path),
            input_names=list(graph.inputs),
            output_names=list(graph.outputs),
            dynamic_axes={name: dict(axes) for name, axes in graph.dynamic.items()},
            opset_version=OPSET,
            dynamo=False,
        )
    if graph.heightened:
        model = onnx.load(str(path))
        heighten(model)
        onnx.save(model, str(path))


def _difference(graph: Graph, path: Path) -> tuple[float, float]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    error = largest = 0.0
    for inputs in (graph.inputs, graph.other_inputs):
        with torch.no_grad():
            expected = graph.module(*inputs.values())
        references = (expected,) if isinstance(expected, Tensor) else expected
        found = session.run(list(graph.outputs), {name: value.numpy() for name, value in inputs.items()})
        for reference, value in zip(references, found, strict=True):
            error = max(error, float(np.abs(reference.numpy().astype(np.float64) - value).max(initial=0.0)))
            largest = max(largest, float(reference.abs().max()))
    return error, largest
