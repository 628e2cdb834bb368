"""gRPC as every service speaks it: health v1, reflection, typed errors, signed identity, trace in the metadata."""

from __future__ import annotations

import contextvars
import logging
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from services.common import observe, outbox, tls
from services.common.away import engine_away, is_away
from services.common.errors import Unauthenticated, Unavailable, VoiceHubError, to_status
from services.common.identity import METADATA_KEY, UNKNOWN_IDENTITY, Identity, Verifier
from services.common.tracing import traceparent_of

log = logging.getLogger(__name__)
WORKERS = 16
MAX_MESSAGE_BYTES = 64 << 20
DEADLINE_SECONDS = 30.0
OPTIONS: Sequence[tuple[str, Any]] = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.http2.bdp_probe", 0),  # services are near each other: a ping for each block of a stream finds nothing out
)
OPEN_SERVICES = ("/grpc.health.", "/grpc.reflection.")
_caller: contextvars.ContextVar[Identity | None] = contextvars.ContextVar("voicehub_caller", default=None)


def caller() -> Identity:
    """The verified identity of the call being served."""
    identity = _caller.get()
    if identity is None:
        raise Unauthenticated("This call carries no identity.", reason=UNKNOWN_IDENTITY)
    return identity


class _ServerInterceptor(grpc.ServerInterceptor):
    """Verifies the identity, continues the trace and turns errors into typed statuses."""

    def __init__(self, verifier: Verifier, outbox_bound: int) -> None:
        self._verifier, self._outbox_bound = verifier, outbox_bound

    def intercept_service(self, continuation: Callable[..., Any], details: grpc.HandlerCallDetails) -> Any:
        handler = continuation(details)
        if handler is None or details.method.startswith(OPEN_SERVICES):
            return handler
        metadata = {key: str(value) for key, value in details.invocation_metadata or ()}
        if handler.response_streaming:
            stream = self._stream(details.method, handler.unary_stream, metadata)
            return grpc.unary_stream_rpc_method_handler(
                stream, handler.request_deserializer, handler.response_serializer
            )
        unary = self._unary(details.method, handler.unary_unary, metadata)
        return grpc.unary_unary_rpc_method_handler(unary, handler.request_deserializer, handler.response_serializer)

    @contextmanager
    def _served(self, method: str, metadata: Mapping[str, str], context: grpc.ServicerContext) -> Iterator[None]:
        """Around the work of one call: what it raises becomes its status."""
        with observe.serving(method, metadata) as served:
            try:
                identity = self._identity(metadata)
                _caller.set(identity)
                with outbox.bounded(self._outbox_bound if identity.service == "gateway" else 0):
                    yield
            except VoiceHubError as error:
                served.code = error.code
                context.abort_with_status(to_status(error))
            except Exception as error:  # noqa: BLE001 - edge of the process: an unforeseen error is logged whole and answered without detail
                if is_away(error):
                    log.warning("an engine is away", extra={"error": repr(error)[:500]})
                    served.code = Unavailable.code
                    context.abort_with_status(to_status(engine_away()))
                served.code = grpc.StatusCode.INTERNAL
                context.abort(served.code, _log_failure())
            served.code = grpc.StatusCode.OK

    def _identity(self, metadata: Mapping[str, str]) -> Identity:
        token = metadata.get(METADATA_KEY, "")
        if not token:
            raise Unauthenticated("This call carries no identity.", reason=UNKNOWN_IDENTITY)
        return self._verifier.verify(token)

    def _unary(self, method: str, work: Callable[..., Any], metadata: Mapping[str, str]) -> Callable[..., Any]:
        def serve(request: Any, context: grpc.ServicerContext) -> Any:
            with self._served(method, metadata, context):
                return work(request, context)

        return serve

    def _stream(self, method: str, work: Callable[..., Any], metadata: Mapping[str, str]) -> Callable[..., Any]:
        def serve(request: Any, context: grpc.ServicerContext) -> Any:
            with self._served(method, metadata, context):
                yield from work(request, context)

        return serve


def _log_failure() -> str:
    number = uuid.uuid4().hex[:12]
    log.exception("call failed", extra={"failure": number})
    return f"The hub failed (report {number})."


def make_server(
    address: str,
    verifier: Verifier,
    register: Callable[[grpc.Server], None],
    names: Sequence[str],
    outbox_bound: int = 0,
    workers: int = WORKERS,
    certificate: Path | None = None,
) -> grpc.Server:
    """A started server for `address` (`host:port`).

    Args:
        register: adds the servicers.
        names: full names of the services, for health and reflection.
        outbox_bound: how many events may wait in the outbox before writes of people are refused; 0 is no bound.
        workers: threads that serve calls; a call beyond them waits unseen.
        certificate: folder of `services.common.tls`; clients without a certificate of the house are then refused.
    """
    interceptor = _ServerInterceptor(verifier, outbox_bound)
    server = grpc.server(ThreadPoolExecutor(workers), interceptors=[interceptor], options=[*OPTIONS])
    register(server)
    checker = health.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(checker, server)
    for name in ("", *names):
        checker.set(name, health_pb2.HealthCheckResponse.SERVING)
    reflection.enable_server_reflection([*names, health.SERVICE_NAME, reflection.SERVICE_NAME], server)
    if certificate is None:
        server.add_insecure_port(address)
    else:
        server.add_secure_port(address, tls.server_credentials(certificate))
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
        return self._call(continuation, details, request, DEADLINE_SECONDS)

    def intercept_unary_stream(self, continuation: Any, details: Any, request: Any) -> Any:
        return self._call(continuation, details, request, None)

    def _call(self, continuation: Any, details: Any, request: Any, deadline: float | None) -> Any:
        span = observe.calling(details.method)
        own = ((METADATA_KEY, self._token()), ("traceparent", traceparent_of(span)))
        extended = _CallDetails(details, [*(details.metadata or ()), *own], details.timeout or deadline)
        call = continuation(extended, request)
        if span.is_recording():
            call.add_done_callback(lambda done: observe.ended(span, done))
        return call


def make_channel(
    address: str,
    token: Callable[[], str],
    certificate: Path | None = None,
    more: Sequence[tuple[str, Any]] = (),
) -> grpc.Channel:
    """A channel, with `more` options, whose calls carry the identity that `token` answers at that moment."""
    channel = tls.channel(address, certificate, [*OPTIONS, *more])
    return grpc.intercept_channel(channel, _ClientInterceptor(token))
