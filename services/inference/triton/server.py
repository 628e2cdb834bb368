"""Triton's inference protocol over gRPC, with errors of this house."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import grpc
import numpy as np
from numpy.typing import NDArray
from tritonclient.grpc import service_pb2, service_pb2_grpc
from tritonclient.utils import np_to_triton_dtype, triton_to_np_dtype

from gptsovits.errors import VoiceError
from gptsovits.runtime.graph import refused_inputs
from gptsovits.serving.wire import REFUSED
from services.common.errors import Unavailable

Arrays = Mapping[str, NDArray[Any]]
LOAD_SECONDS, UNLOAD_SECONDS, CALL_SECONDS, STREAM_SECONDS = 120.0, 10.0, 60.0, 180.0
LOOK_SECONDS = 1.0
"""How long a connection that was lost may take to be made again, before a call is given up."""
HINT = "Try again in a minute; if it stays so, whoever runs this hub looks whether Triton runs and has memory left."
_OPTIONS = [
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 500),
]
_NOT_LOADED = ("unknown model", "is not ready", "is not found", "no available versions")


class NotLoaded(Exception):
    """Triton does not have the model now: it was started again, or somebody unloaded it."""


class Away(Unavailable):
    """Triton does not answer."""


class TritonServer:
    """One server. Thread-safe."""

    def __init__(self, address: str) -> None:
        self._channel = grpc.insecure_channel(address, options=_OPTIONS)
        self._stub: Any = service_pb2_grpc.GRPCInferenceServiceStub(self._channel)

    def load(self, name: str) -> None:
        """Loads a model of the repository and waits for it."""
        asked = service_pb2.RepositoryModelLoadRequest(model_name=name)
        try:
            self._stub.RepositoryModelLoad(asked, timeout=LOAD_SECONDS)
        except grpc.RpcError as error:
            raise translated(error, "load") from error

    def unload(self, name: str) -> None:
        """Unloads a model when its last request is answered."""
        asked = service_pb2.RepositoryModelUnloadRequest(model_name=name)
        try:
            self._stub.RepositoryModelUnload(asked, timeout=UNLOAD_SECONDS)
        except grpc.RpcError as error:
            raise translated(error, "unload") from error

    def loaded(self) -> list[str]:
        """Names of all models that it holds."""
        try:
            answer = self._stub.RepositoryIndex(service_pb2.RepositoryIndexRequest(ready=True), timeout=UNLOAD_SECONDS)
        except grpc.RpcError as error:
            raise translated(error, "list its models") from error
        return [model.name for model in answer.models]

    def is_back(self) -> bool:
        """Whether it answers now, or within a moment."""
        try:
            live = self._stub.ServerLive(service_pb2.ServerLiveRequest(), timeout=LOOK_SECONDS, wait_for_ready=True)
        except grpc.RpcError:
            return False
        return bool(live.live)

    def infer(self, name: str, inputs: Arrays) -> dict[str, NDArray[Any]]:
        """One call: outputs by name."""
        try:
            answer = self._stub.ModelInfer(request_of(name, inputs), timeout=CALL_SECONDS)
        except grpc.RpcError as error:
            raise translated(error, "speak") from error
        return outputs_of(answer)

    def stream(self, name: str, inputs: Arrays) -> Stream:
        """Begins a decoupled call at once."""
        call = self._stub.ModelStreamInfer(iter([request_of(name, inputs)]), timeout=STREAM_SECONDS)
        return Stream(call)


class Stream:
    """The answers of a decoupled call."""

    def __init__(self, call: Any) -> None:
        self._call = call

    def __iter__(self) -> Iterator[dict[str, NDArray[Any]]]:
        try:
            for answer in self._call:
                if answer.error_message:
                    raise said(answer.error_message, "speak")
                yield outputs_of(answer.infer_response)
        except grpc.RpcError as error:
            raise translated(error, "speak") from error

    def cancel(self) -> None:
        """Tells the server that nobody wants the rest."""
        self._call.cancel()


def translated(error: grpc.RpcError, verb: str) -> Exception:
    """`Away`, `NotLoaded`, a `VoiceError` for inputs that do not fit, or `Unavailable` for all else."""
    code, details = error.code(), error.details() or ""
    if code == grpc.StatusCode.INVALID_ARGUMENT and verb == "speak" and not _is_not_loaded(details):
        return refused_inputs("on Triton", RuntimeError(details))
    if code == grpc.StatusCode.UNAVAILABLE and not _is_not_loaded(details):
        return Away("The engine that speaks (Triton) does not answer.", hint=HINT, reason="ENGINE_AWAY")
    if code == grpc.StatusCode.DEADLINE_EXCEEDED:
        return Unavailable(f"The engine that speaks (Triton) took too long to {verb}.", hint=HINT, reason="ENGINE_SLOW")
    return said(details, verb)


def said(message: str, verb: str) -> Exception:
    """What an answer that carries only a message means."""
    if verb == "speak" and _is_not_loaded(message):
        return NotLoaded(message)
    _, refused, reason = message.partition(REFUSED)
    if refused:
        return VoiceError(reason)
    first_line = message.partition("\n")[0][:200]
    return Unavailable(f"The engine that speaks (Triton) could not {verb}: {first_line}", hint=HINT)


def _is_not_loaded(message: str) -> bool:
    return any(words in message for words in _NOT_LOADED)


def request_of(name: str, inputs: Arrays) -> service_pb2.ModelInferRequest:
    """Tensors as raw bytes."""
    request = service_pb2.ModelInferRequest(model_name=name)
    for key, value in inputs.items():
        request.inputs.add(name=key, datatype=np_to_triton_dtype(value.dtype), shape=value.shape)
        request.raw_input_contents.append(np.ascontiguousarray(value).tobytes())
    return request


def outputs_of(answer: service_pb2.ModelInferResponse) -> dict[str, NDArray[Any]]:
    """Tensors by name; read-only."""
    return {
        one.name: np.frombuffer(raw, triton_to_np_dtype(one.datatype)).reshape(one.shape)
        for one, raw in zip(answer.outputs, answer.raw_output_contents, strict=True)
    }
