"""The news that watchers of jobs wait for."""

from __future__ import annotations

import threading


class News:
    """A count of news, and a way to wait for the next."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._generation = 0

    def wake(self) -> None:
        """Something changed: look for work, tell the watchers."""
        with self._condition:
            self._generation += 1
            self._condition.notify_all()

    def generation(self) -> int:
        """How many news there were so far."""
        return self._generation

    def wait_for_news(self, seen: int, timeout: float) -> None:
        """Waits until there are news after `seen`."""
        with self._condition:
            self._condition.wait_for(lambda: self._generation != seen, timeout)
