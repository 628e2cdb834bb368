"""The thread that collects garbage now and then."""

from __future__ import annotations

import logging
import threading

from sqlalchemy.exc import SQLAlchemyError

from services.catalog.collecting import Collector

log = logging.getLogger(__name__)
EVERY_SECONDS, STOP_SECONDS = 3600.0, 5.0


class Janitor:
    """Collects once an hour; an engine that is away is tried again the next time."""

    def __init__(self, collector: Collector) -> None:
        self._collector = collector
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="janitor", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Ends it; a round under way may be broken off anywhere."""
        self._stop.set()
        self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        while not self._stop.wait(EVERY_SECONDS):
            try:
                done = self._collector.collect()
                log.info("collected", extra={"versions": done.versions, "objects": done.objects})
            except (OSError, SQLAlchemyError) as error:
                log.warning("garbage cannot be collected now", extra={"detail": str(error)[:200]})
