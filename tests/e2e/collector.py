"""A collector of traces as small as it can be: takes OTLP over HTTP and keeps the spans."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

T = TypeVar("T")


@dataclass(frozen=True)
class Seen:
    """A span as it arrived; ids in hex, `parent` empty for the first of its trace."""

    service: str
    name: str
    kind: int
    trace: str
    id: str
    parent: str
    attributes: dict[str, Any]


class Collector:
    """Spans that arrived at `url`; whoever waits is woken by each delivery."""

    def __init__(self) -> None:
        self.url = ""
        self._spans: list[Seen] = []
        self._arrived = threading.Condition()

    def spans(self) -> list[Seen]:
        """All that arrived so far."""
        with self._arrived:
            return list(self._spans)

    def until(self, look: Callable[[list[Seen]], T], seconds: float) -> T:
        """What `look` finds in the spans, once it finds something."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: look(self._spans), seconds), {
                (s.service, s.name) for s in self._spans
            }
            return look(self._spans)

    def take(self, body: bytes) -> None:
        """One delivery."""
        request = ExportTraceServiceRequest.FromString(body)
        with self._arrived:
            for resource in request.resource_spans:
                service = _values(resource.resource.attributes)["service.name"]
                self._spans += [_seen(service, span) for scope in resource.scope_spans for span in scope.spans]
            self._arrived.notify_all()


def _seen(service: str, span: Any) -> Seen:
    ids = (span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex())
    return Seen(service, span.name, span.kind, *ids, _values(span.attributes))


def _values(attributes: Any) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector on a free port of the loopback."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            known = self.path == "/v1/traces"
            if known:
                collector.take(body)
            self.send_response(200 if known else 404)
            self.send_header("Content-Type", "application/x-protobuf")
            self.end_headers()
            self.wfile.write(ExportTraceServiceResponse().SerializeToString())

        def log_message(self, *_: object) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    collector.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
