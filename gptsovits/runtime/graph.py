"""One ONNX graph in an onnxruntime session, shared by all voices that hold the same file."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, Literal
from weakref import WeakValueDictionary

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from gptsovits.errors import BrokenVoice, MissingInput
from gptsovits.runtime.weights import without_weights

GRAPH_ERRORS = (
    ort_errors.Fail,
    ort_errors.InvalidArgument,
    ort_errors.InvalidGraph,
    ort_errors.InvalidProtobuf,
    ort_errors.NotImplemented,
    ort_errors.RuntimeException,
)
"""What onnxruntime raises; it has no common class for them."""
CPU = ("CPUExecutionProvider",)
CUDA = "CUDAExecutionProvider"
ON_CUDA = {"use_tf32": "0", "cudnn_conv_algo_search": "HEURISTIC"}
"""Float32 is computed as float32, and a length that is new does not wait until all algorithms have been tried."""
Device = Literal["cpu", "cuda"]
LEFT_OUT = ("MatMulScaleFusion",)
"""A rewriting of onnxruntime that makes the attention of a step slower: a product with a factor in it is none of those
that are quick for one row."""
_WANTED = "install onnxruntime-gpu in the place of onnxruntime, with NVIDIA's driver, CUDA and cuDNN, or say device=cpu"
_WEIGHTS_FOLDER = "session.model_external_initializers_file_folder_path"


class Graph:
    """One session; thread-safe. Inputs that the graph does not declare are not fed."""

    def __init__(self, path: Path, threads: int, device: Device = "cpu") -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self.name = path.stem
        real = path.resolve()  # a cache may hold links, and onnxruntime follows none out of the folder of the weights
        options.add_session_config_entry(_WEIGHTS_FOLDER, str(real.parent))
        try:
            self.session = onnxruntime.InferenceSession(
                without_weights(real), options, providers=_providers(device), disabled_optimizers=list(LEFT_OUT)
            )
        except (*GRAPH_ERRORS, ValueError) as error:
            message = f"{path} is no graph that onnxruntime can run; pull or export the voice again."
            raise BrokenVoice(message) from error
        if device == "cuda" and CUDA not in self.session.get_providers():
            raise MissingInput(f"onnxruntime cannot use the GPU of this machine: {_WANTED}.")
        declared = self.session.get_inputs()
        self.inputs = frozenset(item.name for item in declared)
        made = self.session.get_outputs()
        self.outputs = [item.name for item in made]
        self.shapes: dict[str, list[int | str]] = {item.name: item.shape for item in declared}
        """Extents of the inputs; a dynamic one is its name."""
        self.widths: dict[str, int] = {item.name: item.shape[-1] for item in made if isinstance(item.shape[-1], int)}
        """Last extents of the outputs, those that are fixed."""

    def run(self, **inputs: NDArray[Any] | None) -> list[NDArray[Any]]:
        """Outputs in the order of the graph."""
        fed = {name: value for name, value in inputs.items() if name in self.inputs and value is not None}
        try:
            return [np.asarray(value) for value in self.session.run(self.outputs, fed)]
        except (*GRAPH_ERRORS, ValueError) as error:
            raise refused_inputs(self.name, error) from error


def require(device: Device) -> None:
    """Raises ``MissingInput`` when this onnxruntime was built without the device: it would fall back in silence."""
    if device == "cuda" and CUDA not in onnxruntime.get_available_providers():
        raise MissingInput(f"This onnxruntime was built without CUDA: {_WANTED}.")


def _providers(device: Device) -> list[Any]:
    require(device)
    return [(CUDA, ON_CUDA), *CPU] if device == "cuda" else list(CPU)


def refused_inputs(name: str, error: Exception) -> BrokenVoice:
    """What a graph of any engine says about inputs that do not fit."""
    first_line = str(error).partition("\n")[0][:200]
    return BrokenVoice(
        f"The graph {name} refuses its inputs ({first_line}); prompt, features and voice do not belong together."
    )


_Key = tuple[str, int, Device]
_OPEN: WeakValueDictionary[_Key, Graph] = WeakValueDictionary()
_OPENING: WeakValueDictionary[_Key, _Door] = WeakValueDictionary()
_REGISTERS = threading.Lock()


class _Door:
    """One opens, others who want the same graph wait, and those who want another do not."""

    def __init__(self) -> None:
        self.lock = threading.Lock()


def shared_graph(path: Path, digest: str, threads: int, device: Device = "cpu") -> Graph:
    """The graph with this verified digest: one session for all voices that hold the same file."""
    key = (digest, threads, device)
    with _REGISTERS:
        door = _OPENING.setdefault(key, _Door())
    with door.lock:
        graph = _OPEN.get(key)
        if graph is None:
            graph = Graph(path, threads, device)
            _OPEN[key] = graph
        return graph
