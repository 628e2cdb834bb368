"""Whether the visitor of a request is still there, and who is told when not."""

from __future__ import annotations

import itertools
import socket
import threading
from collections.abc import Callable, Mapping
from typing import Any

LOOK_SECONDS = 0.25
"""How often it is looked whether visitors are still there."""
Gone = Callable[[], bool]


def departure(environ: Mapping[str, Any]) -> Gone:
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


class Departures:
    """Looks after all visitors for whom something is being made, in one thread, as long as there are any."""

    def __init__(self) -> None:
        self._watched: dict[int, tuple[Gone, Callable[[], object]]] = {}
        self._numbers, self._lock = itertools.count(), threading.Lock()
        self._looking = False
        self._stopped = threading.Event()

    def watch(self, gone: Gone, tell: Callable[[], object]) -> Callable[[], None]:
        """Calls `tell` once, from another thread, when the visitor has gone; answers what ends the watching."""
        with self._lock:
            number = next(self._numbers)
            self._watched[number] = (gone, tell)
            if not self._looking:
                self._looking = True
                threading.Thread(target=self._look, name="departures", daemon=True).start()
        return lambda: self._forget(number)

    def _forget(self, number: int) -> None:
        with self._lock:
            self._watched.pop(number, None)

    def _look(self) -> None:
        while not self._stopped.wait(LOOK_SECONDS):
            with self._lock:
                if not self._watched:
                    self._looking = False
                    return
                watched = list(self._watched.items())
            for number, (gone, tell) in watched:
                if gone():
                    self._forget(number)
                    tell()
