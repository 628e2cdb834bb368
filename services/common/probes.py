"""The HTTP endpoint for machines: `/metrics` for Prometheus, `/livez` and `/readyz` for whoever starts and stops us.

`/livez` asks this process over its own gRPC port, as a client would: 503 means that starting it again may help.
`/readyz` says whether its engines answer: 503 means that it should get no calls now, and the body says why.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterable
from pathlib import Path
from socketserver import ThreadingMixIn
from threading import Thread
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from prometheus_client import make_wsgi_app

from services.common import tls
from services.common.readiness import Readiness

ASK_SECONDS = 3.0
Alive = Callable[[], bool]


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _ServerV6(_Server):
    address_family = socket.AF_INET6


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Probes come every few seconds: nobody reads them."""


def serve_probes(address: str, alive: Alive, readiness: Readiness) -> str:
    """Serves on `host:port` from a thread; answers the address with the port that a 0 became."""
    host, _, port = address.rpartition(":")
    kind = _ServerV6 if ":" in host else _Server
    server = make_server(host.strip("[]"), int(port), _application(alive, readiness), kind, _Quiet)
    Thread(target=server.serve_forever, name="probes", daemon=True).start()
    return f"{host}:{server.server_port}"


def asks_itself(address: str, folder: Path | None) -> Alive:
    """Whether the gRPC server that listens on `address` says SERVING to a client on the loopback."""
    options: list[tuple[str, object]] = []
    if folder is not None:
        options.append(("grpc.ssl_target_name_override", tls.names_of(tls.read_pair(folder))[0]))
    host, _, port = address.rpartition(":")
    own = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}.get(host, host)  # noqa: S104 - compared, not bound

    def alive() -> bool:
        with tls.channel(f"{own}:{port}", folder, options) as channel:
            stub: Any = health_pb2_grpc.HealthStub(channel)
            try:
                answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=ASK_SECONDS)
            except grpc.RpcError:
                return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

    return alive


def _application(alive: Alive, readiness: Readiness) -> Callable[..., Iterable[bytes]]:
    metrics = make_wsgi_app()

    def application(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == "/livez":
            return _answer(start, alive(), {})
        if path == "/readyz":
            away = readiness.away()
            return _answer(start, not away, {"away": dict(away)})
        found: Iterable[bytes] = metrics(environ, start)
        return found

    return application


def _answer(start: Callable[..., Any], well: bool, more: dict[str, Any]) -> list[bytes]:
    start("200 OK" if well else "503 Service Unavailable", [("Content-Type", "application/json")])
    return [json.dumps({"status": "ok" if well else "down", **more}).encode()]
