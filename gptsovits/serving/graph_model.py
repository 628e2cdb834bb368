"""``model.py`` of a graph that is called once (``quantise``, ``style``, ``s2``), for Triton's python backend.

Every input has a leading extent of 1 on the wire, also those that have none in the graph: so the dynamic batcher hands
over requests of different lengths together.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import triton_python_backend_utils as triton

sys.path.insert(0, str(Path(__file__).parent))

from gptsovits.errors import VoiceError
from gptsovits.runtime.graph import Graph


class TritonPythonModel:
    """One session."""

    def initialize(self, args: dict[str, str]) -> None:
        """Opens the graph beside this file."""
        self._graph = Graph(Path(__file__).parent / "model.onnx", threads=1)
        self._flat = {name for name, shape in self._graph.shapes.items() if len(shape) == 1}

    def execute(self, requests: list[Any]) -> list[Any]:
        """One answer per request: an error of one is no error of the others."""
        return [self._answer(request) for request in requests]

    def _answer(self, request: Any) -> Any:
        given = {tensor.name(): tensor.as_numpy() for tensor in request.inputs()}
        fed = {name: value[0] if name in self._flat else value for name, value in given.items()}
        try:
            made = self._graph.run(**fed)
        except VoiceError as error:
            refused = triton.TritonError(str(error), triton.TritonError.INVALID_ARG)
            return triton.InferenceResponse(error=refused)
        named = zip(self._graph.outputs, made, strict=True)
        return triton.InferenceResponse([triton.Tensor(name, value) for name, value in named])
