"""What is measured and traced of a gRPC call, on both of its sides."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import grpc
from opentelemetry.trace import Span, Status, StatusCode

from services.common import metrics, tracing
from services.common.tracing import SpanKind

SERVER_FAULTS = frozenset({"UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"})
"""Codes by which a server says that the fault is its own (semantic conventions of RPC)."""


@dataclass
class Served:
    """How a call ended; CANCELLED until something else is known, for that leaves no trace in the handler."""

    code: grpc.StatusCode = grpc.StatusCode.CANCELLED


@contextmanager
def serving(method: str, metadata: Mapping[str, str]) -> Iterator[Served]:
    """One call on the side of the server, which continues the caller's trace; the block says how it ended."""
    service, _, name = method.strip("/").rpartition("/")
    served, began = Served(), time.perf_counter()
    parent = metadata.get("traceparent", "")
    with tracing.span(f"{service}/{name}", SpanKind.SERVER, parent, _attributes(service, name)) as span:
        try:
            yield served
        finally:
            metrics.CALLS.labels(service, name, served.code.name).inc()
            metrics.CALL_SECONDS.labels(service, name).observe(time.perf_counter() - began)
            _end(span, served.code, is_fault=served.code.name in SERVER_FAULTS)


def calling(method: str) -> Span:
    """The span of a call on the side of the client; `ended` ends it."""
    service, _, name = method.strip("/").rpartition("/")
    return tracing.begin(f"{service}/{name}", SpanKind.CLIENT, attributes=_attributes(service, name))


def ended(span: Span, call: Any) -> None:
    """Ends the span of a call that is over."""
    code = call.code() or grpc.StatusCode.UNKNOWN
    _end(span, code, is_fault=code is not grpc.StatusCode.OK)
    span.end()


def _attributes(service: str, name: str) -> tracing.Attributes:
    return {"rpc.system.name": "grpc", "rpc.method": f"{service}/{name}"}


def _end(span: Span, code: grpc.StatusCode, *, is_fault: bool) -> None:
    span.set_attribute("rpc.response.status_code", code.name)
    if is_fault:
        span.set_attribute("error.type", code.name)
        span.set_status(Status(StatusCode.ERROR))
