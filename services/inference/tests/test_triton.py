"""What a hub makes of a Triton that loses its models; the server here speaks the protocol and has none for long."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from tritonclient.grpc import service_pb2 as pb
from tritonclient.grpc import service_pb2_grpc

from gptsovits.export.triton import Model
from services.common.errors import Unavailable
from services.inference.tests.speaking import free_address
from services.inference.triton import server
from services.inference.triton.models import RemoteModel, Sentence
from services.inference.triton.server import TritonServer

SAID = np.array([7, 8, -1], np.int64)


@dataclass
class Forgetful(service_pb2_grpc.GRPCInferenceServiceServicer):  # type: ignore[misc]
    """Answers each of the first calls as one that has not the model; whether it lives after them may be chosen."""

    lost: int
    loads: list[str] = field(default_factory=list)
    lives: bool = True

    def RepositoryModelLoad(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        self.loads.append(request.model_name)
        return pb.RepositoryModelLoadResponse()

    def ServerLive(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        return pb.ServerLiveResponse(live=self.lives)

    def ModelInfer(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: N802
        if self._loses():
            context.abort(grpc.StatusCode.NOT_FOUND, "Request for unknown model: 'm' is not found")
        return _answer()

    def ModelStreamInfer(self, requests: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:  # noqa: N802
        if self._loses():
            yield pb.ModelStreamInferResponse(error_message="Request for unknown model: 'm' is not found")
            return
        yield pb.ModelStreamInferResponse(infer_response=_answer())

    def _loses(self) -> bool:
        self.lost -= 1
        return self.lost >= 0


def _answer() -> Any:
    output = pb.ModelInferResponse.InferOutputTensor(name="TOKENS", datatype="INT64", shape=[len(SAID)])
    return pb.ModelInferResponse(outputs=[output], raw_output_contents=[SAID.tobytes()])


@pytest.fixture
def triton() -> Iterator[tuple[Forgetful, TritonServer]]:
    address, forgetful = free_address(), Forgetful(lost=0)
    running = grpc.server(ThreadPoolExecutor(4))
    service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(forgetful, running)
    running.add_insecure_port(address)
    running.start()
    yield forgetful, TritonServer(address)
    running.stop(None).wait()


def called(remote: RemoteModel) -> list[int]:
    (answer,) = remote.infer({"X": SAID}).values()
    return [int(token) for token in answer if token >= 0]


def streamed(remote: RemoteModel) -> list[int]:
    return list(Sentence(remote, {"X": SAID}, {-1: False}))


@pytest.mark.parametrize("speak", [called, streamed])
@pytest.mark.parametrize("lost", [0, 1, 2])
def test_a_model_that_is_lost_is_loaded_once_more_and_then_one_waits(
    speak: Any, lost: int, triton: tuple[Forgetful, TritonServer], tmp_path: Path
) -> None:
    """A second time, as on a Triton whose memory is short, was a fault of the hub (500), not of the engine (503)."""
    forgetful, there = triton
    forgetful.lost = lost
    remote = RemoteModel(there, tmp_path, Model("m", 0, {}, {}, {}))
    if lost < 2:
        assert speak(remote) == [7, 8]
    else:
        with pytest.raises(Unavailable, match="Triton") as caught:
            speak(remote)
        assert caught.value.hint == server.HINT
        assert caught.value.retry_seconds > 0
    assert len(forgetful.loads) == 1 + min(lost, 1)
    assert speak(remote) == [7, 8], "the next request begins anew"


@pytest.mark.parametrize("speak", [called, streamed])
def test_a_model_that_is_lost_by_a_server_that_ends_is_waited_for(
    speak: Any, triton: tuple[Forgetful, TritonServer], tmp_path: Path
) -> None:
    forgetful, there = triton
    forgetful.lost, forgetful.lives = 1, False
    with pytest.raises(Unavailable, match="Triton"):
        speak(RemoteModel(there, tmp_path, Model("m", 0, {}, {}, {})))
