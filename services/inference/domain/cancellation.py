"""Work that may be called off from another thread."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Cancelled(Exception):
    """Whoever asked for the work is gone."""


class Cancellation:
    """Set once; whoever works looks at it at every step, whoever waits is told."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._set = False
        self._told: list[Callable[[], None]] = []

    def cancel(self) -> None:
        """Calls the work off; a second time changes nothing."""
        with self._lock:
            told, self._told, self._set = self._told, [], True
        for tell in told:
            tell()

    def check(self) -> None:
        """Cancelled, if the work was called off."""
        if self._set:
            raise Cancelled

    def tell(self, listener: Callable[[], None]) -> None:
        """Calls the listener when the work is called off, at once if it is already."""
        with self._lock:
            if not self._set:
                self._told.append(listener)
                return
        listener()
