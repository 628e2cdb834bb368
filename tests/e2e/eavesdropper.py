"""A proxy on the way to a hub that keeps everything which the client sends, and counts what it is answered."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

PIECE = 1 << 16


@dataclass
class Eavesdropper:
    """`url` leads to the hub; `heard` is what went there, by connection; `answered` how many bytes came back."""

    url: str = ""
    connections: list[bytearray] = field(default_factory=list)
    answered: int = 0
    _moved: threading.Condition = field(default_factory=threading.Condition)

    @property
    def heard(self) -> bytes:
        """Everything sent to the hub."""
        return b"".join(map(bytes, self.connections))

    def came(self, piece: bytes) -> None:
        """The hub answered."""
        with self._moved:
            self.answered += len(piece)
            self._moved.notify_all()

    def wait_until_answered(self, count: int, seconds: float) -> None:
        """Until so many bytes have come back."""
        with self._moved:
            assert self._moved.wait_for(lambda: self.answered >= count, seconds), "nothing more was asked for"


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
                back = threading.Thread(target=_pump, args=(upstream, self.request, found.came), daemon=True)
                back.start()
                _pump(self.request, upstream, kept.extend)
                back.join()

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        found.url = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield found
        server.shutdown()


def _pump(source: socket.socket, target: socket.socket, told: Callable[[bytes], None]) -> None:
    with suppress(ConnectionError, OSError):
        while piece := source.recv(PIECE):
            told(piece)
            target.sendall(piece)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)
