"""A hand that works while its owner attends to something else."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue

Work = Callable[[], None]


class Worker:
    """A daemon thread that does one piece of work after the other. It keeps no process alive.

    (A `ThreadPoolExecutor` would: the interpreter waits for its threads, however slow their work is.)
    """

    def __init__(self, name: str) -> None:
        self._given: SimpleQueue[tuple[Future[None], Work] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def do(self, work: Work) -> Future[None]:
        """Queues a piece of work; the future holds its end, or what it raised."""
        future: Future[None] = Future()
        self._given.put((future, work))
        return future

    def stop(self) -> None:
        """Ends the thread after what is queued; does not wait for it."""
        self._given.put(None)

    def _run(self) -> None:
        while given := self._given.get():
            future, work = given
            try:
                work()
            except BaseException as error:  # noqa: BLE001 - edge of the thread: whoever waits for the work gets it
                future.set_exception(error)
            else:
                future.set_result(None)
