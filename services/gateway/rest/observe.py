"""Each request leaves one log line, a span and its share of the metrics; the visitor's `traceparent` goes on."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from flask import Flask, g, request
from opentelemetry import trace
from opentelemetry.trace import Status, StatusCode
from prometheus_client import Counter, Histogram
from werkzeug.wrappers import Response

from services.common.tracing import SpanKind, begin, current, traceparent

log = logging.getLogger("services.gateway.access")
_REQUESTS = Counter("voicehub_gateway_requests", "Requests answered", ["method", "route", "status"])
_SECONDS = Histogram("voicehub_gateway_request_seconds", "Time until the answer began", ["method", "route"])
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def install(app: Flask) -> None:
    """Adds the hooks to the application."""
    app.wsgi_app = _Traced(app.wsgi_app)  # type: ignore[method-assign]
    app.before_request(_begin)
    app.after_request(_end)


class _Traced:
    """A span around each request, to the last byte of its answer.

    It is the current one only while this request is worked on: a body that nobody closes leaves its thread as it was.
    """

    def __init__(self, app: Callable[..., Iterable[bytes]]) -> None:
        self._app = app

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        method = environ["REQUEST_METHOD"] if environ["REQUEST_METHOD"] in METHODS else "_OTHER"
        about = {
            "http.request.method": method,
            "url.path": environ.get("PATH_INFO", ""),
            "url.scheme": environ["wsgi.url_scheme"],
        }
        served = begin(method, SpanKind.SERVER, environ.get("HTTP_TRACEPARENT", ""), about)
        try:
            with current(served):
                body = self._app(environ, start_response)
        except BaseException:
            served.end()
            raise
        return _Body(served, body)


class _Body:
    """The parts of an answer, each made in the span of its request, which ends with the last."""

    def __init__(self, served: trace.Span, parts: Iterable[bytes]) -> None:
        self._served, self._parts = served, parts

    def __iter__(self) -> Iterator[bytes]:
        parts = iter(self._parts)
        while True:
            with current(self._served):
                part = next(parts, None)
            if part is None:
                return
            yield part

    def close(self) -> None:
        """The server calls it, also when the visitor has gone before the end."""
        try:
            if hasattr(self._parts, "close"):
                self._parts.close()
        finally:
            self._served.end()


def _begin() -> None:
    g.began = time.perf_counter()


def _end(response: Response) -> Response:
    seconds = time.perf_counter() - g.get("began", time.perf_counter())
    route = request.url_rule.rule if request.url_rule else "unknown"
    method = request.method if request.method in METHODS else "other"
    _REQUESTS.labels(method, route, response.status_code).inc()
    _SECONDS.labels(method, route).observe(seconds)
    _describe(trace.get_current_span(), method, route, response.status_code)
    for name, value in SECURITY.items():
        response.headers.setdefault(name, value)
    response.headers["traceresponse"] = traceparent()
    log.info(
        "request",
        extra={"method": method, "route": route, "status": response.status_code, "seconds": round(seconds, 4)},
    )
    return response


def _describe(current: trace.Span, method: str, route: str, status: int) -> None:
    current.update_name(f"{method} {route}")
    current.set_attribute("http.route", route)
    current.set_attribute("http.response.status_code", status)
    if status >= 500:
        current.set_attribute("error.type", str(status))
        current.set_status(Status(StatusCode.ERROR))
