"""What is to be started: one process per service, its addresses and its environment."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from services.common.settings import SERVICES

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Plan:
    """Addresses (`host:port`) of all services and of the public face, and the data folder they share.

    Attributes:
        metrics: where each service tells its metrics; the gateway does so on its public face.
    """

    data: Path
    addresses: Mapping[str, str]
    http_address: str
    metrics: Mapping[str, str]

    @property
    def url(self) -> str:
        """Where the page and the API are."""
        host, _, port = self.http_address.rpartition(":")
        return f"http://{LOOPBACK if host == '0.0.0.0' else host}:{port}"  # noqa: S104 (compared, not bound)

    def environment(self, inherited: Mapping[str, str], service: str) -> dict[str, str]:
        """The environment of a service; engines chosen by URL in `inherited` stay as they are."""
        own = {f"VOICEHUB_{name.upper()}_ADDRESS": address for name, address in self.addresses.items()}
        own |= {"VOICEHUB_DATA": str(self.data), "VOICEHUB_HTTP_ADDRESS": self.http_address}
        own |= {"VOICEHUB_METRICS_ADDRESS": self.metrics[service]}
        calm = {"ORT_DISABLE_TELEMETRY": "1", "GRPC_VERBOSITY": "ERROR", "PYTHONUNBUFFERED": "1"}
        return {**calm, **inherited, **own}


def make_plan(data: Path, host: str, port: int) -> Plan:
    """A plan on free ports of the loopback; `port` 0 means a free one for the page too."""
    ports = iter(free_ports(2 * len(SERVICES)))
    addresses = {name: f"{LOOPBACK}:{next(ports)}" for name in SERVICES}
    public = f"{host}:{port or next(ports)}"
    metrics = {name: public if name == "gateway" else f"{LOOPBACK}:{next(ports)}" for name in SERVICES}
    return Plan(data.resolve(), addresses, public, metrics)


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now, all different."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind((LOOPBACK, 0))
        return [int(one.getsockname()[1]) for one in sockets]
    finally:
        for one in sockets:
            one.close()


def is_free(host: str, port: int) -> bool:
    """Whether nobody listens on `host:port`."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
