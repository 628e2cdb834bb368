"""A bell for whoever watches a batch."""

from __future__ import annotations

import threading


class News:
    """Counts what happened in this process. Thread-safe."""

    def __init__(self) -> None:
        self._condition, self._count = threading.Condition(), 0

    def tell(self) -> None:
        """Something happened."""
        with self._condition:
            self._count += 1
            self._condition.notify_all()

    @property
    def count(self) -> int:
        """How often something has happened."""
        with self._condition:
            return self._count

    def wait(self, seen: int, seconds: float) -> None:
        """Returns when something has happened since the count was `seen`, or after so many seconds."""
        with self._condition:
            self._condition.wait_for(lambda: self._count != seen, seconds)
