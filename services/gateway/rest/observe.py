"""Each request leaves one log line and its share of the metrics; the trace goes on from the visitor's `traceparent`."""

from __future__ import annotations

import logging
import re
import time

from flask import Flask, g, request
from prometheus_client import Counter, Histogram
from werkzeug.wrappers import Response

from services.common.telemetry import set_traceparent, traceparent

log = logging.getLogger("services.gateway.access")
_TRACE = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
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
    app.before_request(_begin)
    app.after_request(_end)


def _begin() -> None:
    given = request.headers.get("traceparent", "")
    set_traceparent(given if _TRACE.fullmatch(given) else "")
    g.began = time.perf_counter()


def _end(response: Response) -> Response:
    seconds = time.perf_counter() - g.get("began", time.perf_counter())
    route = request.url_rule.rule if request.url_rule else "unknown"
    method = request.method if request.method in METHODS else "other"
    _REQUESTS.labels(method, route, response.status_code).inc()
    _SECONDS.labels(method, route).observe(seconds)
    for name, value in SECURITY.items():
        response.headers.setdefault(name, value)
    response.headers["traceresponse"] = traceparent()
    log.info(
        "request",
        extra={"method": method, "route": route, "status": response.status_code, "seconds": round(seconds, 4)},
    )
    return response
