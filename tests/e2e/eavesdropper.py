"""A proxy on the way to a hub that keeps everything which the client sends."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

PIECE = 1 << 16


@dataclass
class Eavesdropper:
    """`url` leads to the hub; `heard` is what went there, by connection."""

    url: str = ""
    connections: list[bytearray] = field(default_factory=list)

    @property
    def heard(self) -> bytes:
        """Everything sent to the hub."""
        return b"".join(map(bytes, self.connections))


@contextmanager
def listening(hub: str) -> Iterator[Eavesdropper]:
    """A proxy before `hub` until the end of the `with`."""
    place = urlsplit(hub)
    found = Eavesdropper()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            kept = bytearray()
            found.connections.append(kept)
            with socket.create_connection((place.hostname or "", place.port or 0)) as upstream:
                back = threading.Thread(target=_pump, args=(upstream, self.request), daemon=True)
                back.start()
                _pump(self.request, upstream, kept)
                back.join()

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        found.url = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield found
        server.shutdown()


def _pump(source: socket.socket, target: socket.socket, kept: bytearray | None = None) -> None:
    with suppress(ConnectionError, OSError):
        while piece := source.recv(PIECE):
            if kept is not None:
                kept.extend(piece)
            target.sendall(piece)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
