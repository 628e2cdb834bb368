"""Where the tokens of a running sentence go."""

from __future__ import annotations

from collections.abc import Iterator
from queue import SimpleQueue
from typing import Protocol


class Sink(Protocol):
    """Where the tokens of a sentence go; called by the working thread, so it must not wait."""

    def unwanted(self) -> bool:
        """Whether the rest is not wanted any more; asked before each step."""

    def put(self, token: int) -> None:
        """The next token."""

    def end(self, stopped_early: bool) -> None:
        """There are no more."""

    def fail(self, error: Exception) -> None:
        """There are no more, for this reason."""


class Queued:
    """The tokens wait in this process: a sink, and the :class:`gptsovits.runtime.engine.Running` of who reads them.

    ``whole``: they are handed over all at once, so that nobody is woken for each.
    """

    def __init__(self, whole: bool) -> None:
        self.stopped_early = False
        self._whole, self._unwanted = whole, False
        self._said: list[int] = []
        self._queue: SimpleQueue[list[int] | bool | Exception] = SimpleQueue()

    def __iter__(self) -> Iterator[int]:
        while True:
            item = self._queue.get()
            if isinstance(item, list):
                yield from item
            elif isinstance(item, bool):
                self.stopped_early = item
                return
            else:
                raise item

    def close(self) -> None:
        """The reader goes."""
        self._unwanted = True

    def unwanted(self) -> bool:
        """Whether the reader has gone."""
        return self._unwanted

    def put(self, token: int) -> None:
        """For the reader."""
        if self._whole:
            self._said.append(token)
        else:
            self._queue.put([token])

    def end(self, stopped_early: bool) -> None:
        """The reader has it all."""
        self._queue.put(self._said)
        self._queue.put(stopped_early)

    def fail(self, error: Exception) -> None:
        """Raised where the reader reads."""
        self._queue.put(error)
