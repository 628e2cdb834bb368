"""A thread that takes what is queued, one after the other, for as long as there is something."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from services.common.away import is_away

log = logging.getLogger(__name__)
IDLE_SECONDS, AWAY_SECONDS, STOP_SECONDS = 2.0, 5.0, 10.0


class Taker:
    """Calls `take` again and again: it does one piece of work, and answers whether there was one."""

    def __init__(self, name: str, take: Callable[[], bool]) -> None:
        self._take = take
        self._stop, self._news = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Ends it after the work under way, which is not waited for for long."""
        self._stop.set()
        self._news.set()
        self._thread.join(STOP_SECONDS)

    def wake(self) -> None:
        """Something was queued."""
        self._news.set()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._news.clear()
            try:
                if self._take():
                    continue
            except Exception as error:  # edge of the thread: one piece's trouble must not stop the next
                if not is_away(error):  # what is away comes back
                    log.exception("%s failed, trying again", self._thread.name)
                self._stop.wait(AWAY_SECONDS)
            self._news.wait(IDLE_SECONDS)
