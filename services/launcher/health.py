"""Whether a service serves: gRPC health (grpc.health.v1) and the public `/healthz`."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.common import tls

_ASK_SECONDS = 1.0
_opener = build_opener(ProxyHandler({}))


def grpc_serves(address: str, certificate: Path | None = None) -> bool:
    """Whether the server at `host:port` says SERVING."""
    with tls.channel(address, certificate) as channel:
        try:
            stub: Any = health_pb2_grpc.HealthStub(channel)
            answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=_ASK_SECONDS, wait_for_ready=True)
        except grpc.RpcError:
            return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def http_serves(url: str) -> bool:
    """Whether the public face answers."""
    try:
        with _opener.open(f"{url}/healthz", timeout=_ASK_SECONDS) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False
