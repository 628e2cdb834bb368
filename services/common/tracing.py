"""Traces (OpenTelemetry, W3C trace context): one request is one trace, through calls, events and their handlers.

Spans leave the process only if `OTEL_EXPORTER_OTLP_ENDPOINT` or `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` is set (OTLP over
HTTP; the other standard variables hold as well). Without them nothing is recorded and the SDK is not even imported, but
the trace context still travels, so that logs of several services can be put together by their trace id.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

__all__ = ["SpanKind", "begin", "configure_tracing", "current", "fail", "span", "traceparent", "traceparent_of"]
ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
TIMEOUTS = ("OTEL_EXPORTER_OTLP_TIMEOUT", "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT")
EXPORT_SECONDS = 3.0
"""How long a delivery may take unless the environment says otherwise: a service ends no sooner than its last one."""
Attributes = Mapping[str, str | int | float | bool]
_PROPAGATOR = TraceContextTextMapPropagator()
_tracer = trace.get_tracer("voicehub")


def configure_tracing(service: str) -> bool:
    """Sends the spans of this process where the environment says; answers whether it says so."""
    if not any(map(os.environ.get, ENDPOINTS)) or os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    resource = Resource.create({"service.name": service, "service.namespace": "voicehub"})
    provider = TracerProvider(resource=resource)  # its last spans leave at the end of the process
    timeout = None if any(map(os.environ.get, TIMEOUTS)) else EXPORT_SECONDS
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(timeout=timeout)))
    trace.set_tracer_provider(provider)
    return True


def begin(name: str, kind: SpanKind, parent: str | None = None, attributes: Attributes | None = None) -> Span:
    """A span that is not the current one; whoever begins it ends it.

    Args:
        parent: the `traceparent` that came from outside (one that says nothing begins a trace); None for the work under
            way.
    """
    above = None if parent is None else _PROPAGATOR.extract({"traceparent": parent}, Context())
    made = _tracer.start_span(name, above, kind, attributes)
    if made.get_span_context().is_valid:
        return made
    return NonRecordingSpan(SpanContext(secrets.randbits(128), secrets.randbits(64), False, TraceFlags(0)))


@contextmanager
def span(name: str, kind: SpanKind, parent: str | None = None, attributes: Attributes | None = None) -> Iterator[Span]:
    """A span around a block, as `begin` makes it. An exception does not mark it: see `fail`."""
    made = begin(name, kind, parent, attributes)
    try:
        with current(made):
            yield made
    finally:
        made.end()


def current(which: Span) -> AbstractContextManager[Span]:
    """In this block a span is that of the work under way; it does not end with it."""
    return trace.use_span(which, end_on_exit=False, record_exception=False, set_status_on_exception=False)


def fail(failed: Span, error: BaseException) -> None:
    """Marks a span as failed by this error."""
    failed.record_exception(error)
    failed.set_status(Status(StatusCode.ERROR, type(error).__name__))


def traceparent() -> str:
    """The W3C `traceparent` of the work under way; empty outside of all spans."""
    return traceparent_of(trace.get_current_span())


def traceparent_of(which: Span) -> str:
    """The W3C `traceparent` under which the work of a span goes on elsewhere."""
    carrier: dict[str, str] = {}
    _PROPAGATOR.inject(carrier, trace.set_span_in_context(which, Context()))
    return carrier.get("traceparent", "")
