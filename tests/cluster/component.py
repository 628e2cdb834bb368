"""One process of a cluster."""

from __future__ import annotations

import ssl
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path

from tests.cluster.builds import kubernetes
from tests.engines.server import Server

LOOK_TIMEOUT_SECONDS = 2.0


class Component(Server):
    """A server of the cluster, which says at `health_url` whether it serves.

    Args:
        home: of the cluster.
        port: on which it is asked.
    """

    setting = ""
    health_path = "/healthz"
    secure = True

    def __init__(self, home: Path, port: int) -> None:
        super().__init__(home / "components")
        self.port = port
        self.address = "127.0.0.1"

    @property
    def url(self) -> str:
        """Where it is asked."""
        return f"{'https' if self.secure else 'http'}://{self.address}:{self.port}"

    def program(self, name: str) -> Path:
        """An executable of the cluster."""
        return kubernetes() / name

    def is_ready(self) -> bool:
        """Whether it says so; the certificate matters to clients, not to this question."""
        trusting = ssl._create_unverified_context()
        connection = (
            HTTPSConnection(self.address, self.port, timeout=LOOK_TIMEOUT_SECONDS, context=trusting)
            if self.secure
            else HTTPConnection(self.address, self.port, timeout=LOOK_TIMEOUT_SECONDS)
        )
        try:
            connection.request("GET", self.health_path)
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()
