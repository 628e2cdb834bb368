"""Whether the visitor of a request is still there."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from typing import Any


def departure(environ: Mapping[str, Any]) -> Callable[[], bool]:
    """Tells whether the connection of a request was closed from the other side; without one (a test), it never is."""
    connection = environ.get("gunicorn.socket")
    if connection is None:
        return lambda: False

    def gone() -> bool:
        try:
            return bool(connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b"")
        except BlockingIOError:
            return False
        except OSError:
            return True

    return gone
