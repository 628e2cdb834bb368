"""Typed errors and identities across a real server on loopback; settings, identifiers and events."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2

from services.common import errors, rpc, settings
from services.common.clock import now, to_timestamp
from services.common.errors import VoiceHubError, from_rpc
from services.common.events import make_event
from services.common.identity import Identity, Signer, Verifier, ensure_keys
from services.common.ids import new_id
from services.common.telemetry import JsonFormatter
from services.common.tracing import SpanKind, span, traceparent
from services.stubs.voicehub.scanner.v1 import scanner_pb2, scanner_pb2_grpc

KINDS = [
    errors.NotFound,
    errors.Invalid,
    errors.Unprocessable,
    errors.Conflict,
    errors.Unauthenticated,
    errors.Forbidden,
    errors.TooMany,
    errors.Unavailable,
]


class Answering(scanner_pb2_grpc.ScannerServiceServicer):
    """Answers what the version id asks for: an error by name, a crash, or the caller and trace."""

    def GetReport(  # noqa: N802 - the contract's name
        self, request: scanner_pb2.GetReportRequest, context: grpc.ServicerContext
    ) -> scanner_pb2.GetReportResponse:
        for kind in KINDS:
            if kind.__name__ == request.version_id:
                raise kind("What is wrong: ü.", hint="What to do: 做.", reason="WHY", fields={"a.b": "c", "d": "e"})
        if request.version_id == "crash":
            raise ZeroDivisionError("secret detail")
        report = scanner_pb2.Report(version_id=rpc.caller().account, verdict=traceparent())
        return scanner_pb2.GetReportResponse(report=report)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    keys = tmp_path_factory.mktemp("keys")
    ensure_keys(keys, "gateway")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    server = rpc.make_server(
        address,
        Verifier(keys),
        lambda s: scanner_pb2_grpc.add_ScannerServiceServicer_to_server(Answering(), s),
        ["voicehub.scanner.v1.ScannerService"],
    )
    yield address, keys
    server.stop(grace=None).wait()


def ask(place: tuple[str, Path], version: str, token: str | None = None) -> scanner_pb2.Report:
    address, keys = place
    signed = Signer(keys, "gateway").sign(Identity("ann")) if token is None else token
    with rpc.make_channel(address, lambda: signed) as channel:
        request = scanner_pb2.GetReportRequest(version_id=version)
        return scanner_pb2_grpc.ScannerServiceStub(channel).GetReport(request).report


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_arrives_as_it_was_raised(place: tuple[str, Path], kind: type[VoiceHubError]) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        ask(place, kind.__name__)
    error = from_rpc(caught.value)
    assert type(error) is kind
    assert (error.message, error.hint, error.reason) == ("What is wrong: ü.", "What to do: 做.", "WHY")
    assert error.fields == {"a.b": "c", "d": "e"}


def test_a_crash_tells_nothing_of_its_inside(place: tuple[str, Path], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR), pytest.raises(grpc.RpcError) as caught:
        ask(place, "crash")
    error = from_rpc(caught.value)
    assert error.http_status == 500
    assert "secret" not in error.message
    assert "secret detail" in caplog.text


def test_identity_and_trace_travel_with_the_call(place: tuple[str, Path]) -> None:
    with span("a test", SpanKind.INTERNAL, "00-" + "1" * 32 + "-" + "2" * 16 + "-01"):
        report = ask(place, "")
        assert (report.version_id, report.verdict) == ("ann", traceparent())
    assert traceparent() == ""


@pytest.mark.parametrize("token", ["", "forged"])
def test_a_call_without_a_valid_identity_is_refused(place: tuple[str, Path], token: str) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        ask(place, "", token)
    assert from_rpc(caught.value).http_status == 401


def test_health_needs_no_identity(place: tuple[str, Path]) -> None:
    with grpc.insecure_channel(place[0]) as channel:
        check = channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        answer = check(health_pb2.HealthCheckRequest(), timeout=20)
    assert answer.status == health_pb2.HealthCheckResponse.SERVING


def test_settings_come_from_the_environment_with_embedded_defaults(tmp_path: Path) -> None:
    read = settings.load("catalog", {"VOICEHUB_DATA": str(tmp_path), "VOICEHUB_CATALOG_ADDRESS": "127.0.0.1:1"})
    assert read.database_url == f"sqlite:///{tmp_path}/db/catalog.sqlite"
    assert read.address("catalog") == "127.0.0.1:1"
    with pytest.raises(KeyError, match="VOICEHUB_SCANNER_ADDRESS"):
        read.address("scanner")


def test_identifiers_are_unique_and_ordered_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len({new_id() for _ in range(1000)}) == 1000
    monkeypatch.setattr("services.common.ids.time.time_ns", lambda: 10**18)
    early = new_id()
    monkeypatch.setattr("services.common.ids.time.time_ns", lambda: 10**18 + 10**6)
    assert early < new_id()


def test_an_event_names_its_type_and_refuses_another() -> None:
    payload = scanner_pb2.BehaviourTestCompleted(version_id="v")
    event = make_event("scans", "v", payload, "test")
    assert event.parse(scanner_pb2.BehaviourTestCompleted) == payload
    with pytest.raises(ValueError, match="is a voicehub"):
        event.parse(scanner_pb2.StaticScanCompleted)
    with pytest.raises(ValueError, match="unknown topic"):
        make_event("gossip", "v", payload, "test")


def test_times_are_utc_and_logs_are_json_lines() -> None:
    moment = now()
    stamp = to_timestamp(moment.replace(tzinfo=None))
    assert stamp is not None
    assert stamp.ToDatetime() == moment.replace(tzinfo=None)
    assert to_timestamp(None) is None
    record = logging.makeLogRecord({"msg": "a %s", "args": ("b\nc",), "levelname": "INFO", "version": "v1"})
    line = JsonFormatter("test").format(record)
    assert "\n" not in line
    assert '"version": "v1"' in line
