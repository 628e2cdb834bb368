"""What metrics and spans tell of calls that end in every way."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import grpc
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from prometheus_client import REGISTRY

from services.common import rpc, tracing
from services.common.errors import NotFound
from services.common.identity import Identity, Signer, Verifier, ensure_keys
from services.stubs.voicehub.trainer.v1 import trainer_pb2, trainer_pb2_grpc

SERVICE = "voicehub.trainer.v1.TrainerService"
PATIENCE = 20.0


class Ending(trainer_pb2_grpc.TrainerServiceServicer):
    """Ends as the job id says, a stream after its first message."""

    def GetJob(  # noqa: N802 - the contract's name
        self, request: trainer_pb2.GetJobRequest, context: grpc.ServicerContext
    ) -> trainer_pb2.GetJobResponse:
        _end(request.id)
        return trainer_pb2.GetJobResponse()

    def WatchJob(  # noqa: N802 - the contract's name
        self, request: trainer_pb2.WatchJobRequest, context: grpc.ServicerContext
    ) -> Iterator[trainer_pb2.WatchJobResponse]:
        yield trainer_pb2.WatchJobResponse()
        _end(request.id)
        while request.id == "endless":
            yield trainer_pb2.WatchJobResponse()


def _end(how: str) -> None:
    if how == "missing":
        raise NotFound("No such job.")
    if how == "crash":
        raise ZeroDivisionError


@pytest.fixture
def spans(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    """Everything is recorded; spans are seen when they end."""
    seen = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(seen))
    monkeypatch.setattr(tracing, "_tracer", provider.get_tracer("test"))
    return seen


@pytest.fixture
def stub(tmp_path: Path) -> Iterator[trainer_pb2_grpc.TrainerServiceStub]:
    ensure_keys(tmp_path, "gateway")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"

    def register(server: grpc.Server) -> None:
        servicer = Ending()  # type: ignore[abstract]  # the other calls are not called
        trainer_pb2_grpc.add_TrainerServiceServicer_to_server(servicer, server)

    server = rpc.make_server(address, Verifier(tmp_path), register, [SERVICE])
    token = Signer(tmp_path, "gateway").sign(Identity("ann", "gateway"))
    with rpc.make_channel(address, lambda: token) as channel:
        yield trainer_pb2_grpc.TrainerServiceStub(channel)
    server.stop(None).wait()


def counted(method: str, code: str) -> float:
    labels = {"grpc_service": SERVICE, "grpc_method": method, "grpc_code": code}
    return REGISTRY.get_sample_value("grpc_server_handled_total", labels) or 0


def of(spans: InMemorySpanExporter, kind: SpanKind) -> ReadableSpan:
    (found,) = [span for span in spans.get_finished_spans() if span.kind is kind]
    return found


ENDS = [
    ("well", "OK", StatusCode.UNSET, StatusCode.UNSET),
    ("missing", "NOT_FOUND", StatusCode.UNSET, StatusCode.ERROR),
    ("crash", "INTERNAL", StatusCode.ERROR, StatusCode.ERROR),
]


@pytest.mark.parametrize("method", ["GetJob", "WatchJob"])
@pytest.mark.parametrize(("how", "code", "server", "client"), ENDS)
def test_a_call_is_counted_and_traced_by_how_it_ended(
    stub: trainer_pb2_grpc.TrainerServiceStub,
    spans: InMemorySpanExporter,
    method: str,
    how: str,
    code: str,
    server: StatusCode,
    client: StatusCode,
) -> None:
    before = counted(method, code)
    with nullcontext() if code == "OK" else pytest.raises(grpc.RpcError):
        if method == "GetJob":
            stub.GetJob(trainer_pb2.GetJobRequest(id=how))
        else:
            list(stub.WatchJob(trainer_pb2.WatchJobRequest(id=how)))
    assert counted(method, code) == before + 1
    asked, served = of(spans, SpanKind.CLIENT), of(spans, SpanKind.SERVER)
    assert (served.status.status_code, asked.status.status_code) == (server, client)
    assert served.parent is not None
    assert served.parent.span_id == asked.context.span_id
    for span in (asked, served):
        assert dict(span.attributes or {}) | {"error.type": ""} == {
            "rpc.system.name": "grpc",
            "rpc.method": f"{SERVICE}/{method}",
            "rpc.response.status_code": code,
            "error.type": "",
        }


def test_a_stream_that_its_reader_leaves_is_counted_as_cancelled(stub: trainer_pb2_grpc.TrainerServiceStub) -> None:
    before = counted("WatchJob", "CANCELLED")
    stream = stub.WatchJob(trainer_pb2.WatchJobRequest(id="endless"))
    next(iter(stream))
    stream.cancel()
    deadline = time.monotonic() + PATIENCE
    while counted("WatchJob", "CANCELLED") != before + 1:
        assert time.monotonic() < deadline
        time.sleep(0.02)
