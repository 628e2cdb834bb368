"""A relay in front of a Kafka broker that can lose the answer to a produce request, as a broken network does."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self

from tests.engines.ports import LOOPBACK

PRODUCE = 0
"""The API key of a produce request: the first two bytes after its length (Kafka protocol, request header)."""


class ForgetfulProxy:
    """Listens on `port`, forwards to `broker_port`. `lose(n)` loses the next `n` answers to produce requests.

    The broker has written what it was sent by then; the client only sees its connection closed.
    """

    def __init__(self, port: int, broker_port: int) -> None:
        self._listener = socket.create_server((LOOPBACK, port))
        self.port, self._broker_port = port, broker_port
        self._lock = threading.Lock()
        self._to_lose = 0
        self.lost = 0

    def lose(self, answers: int) -> None:
        """From now on."""
        with self._lock:
            self._to_lose = answers

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
                broker = socket.create_connection((LOOPBACK, self._broker_port))
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client, broker), daemon=True).start()

    def _serve(self, client: socket.socket, broker: socket.socket) -> None:
        """One request and its answer after another; a client that sends several at once has them answered in order."""
        with client, broker, suppress(OSError):
            while request := _frame(client):
                broker.sendall(request)
                answer = _frame(broker)
                if int.from_bytes(request[4:6], "big") == PRODUCE and self._loses():
                    return
                client.sendall(answer)

    def _loses(self) -> bool:
        with self._lock:
            loses = self._to_lose > 0
            self._to_lose -= loses
            self.lost += loses
        return loses


def _frame(source: socket.socket) -> bytes:
    """A length of four bytes and so many bytes; empty at the end of the connection."""
    head = _exactly(source, 4)
    return head + _exactly(source, struct.unpack(">i", head)[0]) if head else b""


def _exactly(source: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = source.recv(count - len(data))
        if not part:
            return b""
        data += part
    return data
