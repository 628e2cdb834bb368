"""gRPC as every service speaks it: health v1, reflection, typed errors, signed identity, trace in the metadata."""

from __future__ import annotations

import contextvars
import logging
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from services.common.errors import Unauthenticated, VoiceHubError, to_status
from services.common.identity import METADATA_KEY, Identity, Verifier
from services.common.telemetry import set_traceparent, traceparent

log = logging.getLogger(__name__)
WORKERS = 16
MAX_MESSAGE_BYTES = 64 << 20
DEADLINE_SECONDS = 30.0
OPTIONS: Sequence[tuple[str, Any]] = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
)
OPEN_SERVICES = ("/grpc.health.", "/grpc.reflection.")
_caller: contextvars.ContextVar[Identity | None] = contextvars.ContextVar("voicehub_caller", default=None)


def caller() -> Identity:
    """The verified identity of the call being served."""
    identity = _caller.get()
    if identity is None:
        raise Unauthenticated("This call carries no identity.")
    return identity


class _ServerInterceptor(grpc.ServerInterceptor):
    """Verifies the identity, continues the trace and turns errors into typed statuses."""

    def __init__(self, verifier: Verifier) -> None:
        self._verifier = verifier

    def intercept_service(self, continuation: Callable[..., Any], details: grpc.HandlerCallDetails) -> Any:
        handler = continuation(details)
        if handler is None or details.method.startswith(OPEN_SERVICES):
            return handler
        metadata = {key: str(value) for key, value in details.invocation_metadata or ()}
        if handler.response_streaming:
            stream = self._stream(handler.unary_stream, metadata)
            return grpc.unary_stream_rpc_method_handler(
                stream, handler.request_deserializer, handler.response_serializer
            )
        unary = self._unary(handler.unary_unary, metadata)
        return grpc.unary_unary_rpc_method_handler(unary, handler.request_deserializer, handler.response_serializer)

    def _enter(self, metadata: dict[str, str]) -> None:
        set_traceparent(metadata.get("traceparent", ""))
        token = metadata.get(METADATA_KEY, "")
        if not token:
            raise Unauthenticated("This call carries no identity.")
        _caller.set(self._verifier.verify(token))

    def _unary(self, method: Callable[..., Any], metadata: dict[str, str]) -> Callable[..., Any]:
        def serve(request: Any, context: grpc.ServicerContext) -> Any:
            try:
                self._enter(metadata)
                return method(request, context)
            except VoiceHubError as error:
                context.abort_with_status(to_status(error))
            except Exception:  # noqa: BLE001 - edge of the process: an unforeseen error is logged whole and answered without detail
                context.abort(grpc.StatusCode.INTERNAL, _log_failure())

        return serve

    def _stream(self, method: Callable[..., Any], metadata: dict[str, str]) -> Callable[..., Any]:
        def serve(request: Any, context: grpc.ServicerContext) -> Any:
            try:
                self._enter(metadata)
                yield from method(request, context)
            except VoiceHubError as error:
                context.abort_with_status(to_status(error))
            except Exception:  # noqa: BLE001 - edge of the process, as above
                context.abort(grpc.StatusCode.INTERNAL, _log_failure())

        return serve


def _log_failure() -> str:
    number = uuid.uuid4().hex[:12]
    log.exception("call failed", extra={"failure": number})
    return f"The hub failed (report {number})."


def make_server(
    address: str, verifier: Verifier, register: Callable[[grpc.Server], None], names: Sequence[str]
) -> grpc.Server:
    """A started server for `address` (`host:port`).

    Args:
        register: adds the servicers.
        names: full names of the services, for health and reflection.
    """
    server = grpc.server(ThreadPoolExecutor(WORKERS), interceptors=[_ServerInterceptor(verifier)], options=[*OPTIONS])
    register(server)
    checker = health.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(checker, server)
    for name in ("", *names):
        checker.set(name, health_pb2.HealthCheckResponse.SERVING)
    reflection.enable_server_reflection([*names, health.SERVICE_NAME, reflection.SERVICE_NAME], server)
    server.add_insecure_port(address)
    server.start()
    return server


class _CallDetails(grpc.ClientCallDetails):
    def __init__(self, base: grpc.ClientCallDetails, metadata: list[tuple[str, str]], timeout: float | None) -> None:
        self.method, self.metadata, self.timeout = base.method, tuple(metadata), timeout
        self.credentials = base.credentials
        self.wait_for_ready = True
        self.compression = getattr(base, "compression", None)


class _ClientInterceptor(grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor):
    """Adds identity, trace and a deadline to every call."""

    def __init__(self, token: Callable[[], str]) -> None:
        self._token = token

    def intercept_unary_unary(self, continuation: Any, details: Any, request: Any) -> Any:
        return continuation(self._extend(details, DEADLINE_SECONDS), request)

    def intercept_unary_stream(self, continuation: Any, details: Any, request: Any) -> Any:
        return continuation(self._extend(details, None), request)

    def _extend(self, details: Any, deadline: float | None) -> _CallDetails:
        metadata = [*(details.metadata or ()), (METADATA_KEY, self._token()), ("traceparent", traceparent())]
        return _CallDetails(details, metadata, details.timeout or deadline)


def make_channel(address: str, token: Callable[[], str]) -> grpc.Channel:
    """A channel whose calls carry the identity that `token` answers at that moment."""
    channel = grpc.insecure_channel(address, options=[*OPTIONS])
    return grpc.intercept_channel(channel, _ClientInterceptor(token))
