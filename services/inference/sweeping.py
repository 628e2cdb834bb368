"""Closes open voices that were withdrawn or are withheld, so that neither disk nor memory keeps what was erased.

The table is asked, not the event that changed it: batch workers and other replicas get none, and a voice that speaks
when it comes must be let finish its token.
"""

from __future__ import annotations

import logging
import threading

from services.common.away import is_away
from services.common.database import Database
from services.inference import store
from services.inference.domain.prompts import version_of
from services.inference.shelf import Shelf

log = logging.getLogger(__name__)
SWEEP_SECONDS = 5.0


class Sweeper:
    """Looks after one shelf, in a thread of its own."""

    def __init__(self, database: Database, shelf: Shelf) -> None:
        self._database, self._shelf = database, shelf
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="shelf-sweeper", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Ends it, without waiting for a database that does not answer."""
        self._stop.set()

    def look(self) -> None:
        """Looks once. A voice that is in use stays until a later look."""
        versions = {version_of(name) for name in self._shelf.voices}
        if not versions:
            return
        with self._database.read() as session:
            gone = versions - store.speaking(session, versions)
        if gone:
            self._shelf.drop(gone)

    def _run(self) -> None:
        while not self._stop.wait(SWEEP_SECONDS):
            try:
                self.look()
            except Exception as error:  # edge of the thread: the next look may succeed
                if not is_away(error):
                    log.exception("withdrawn voices could not be looked for")
