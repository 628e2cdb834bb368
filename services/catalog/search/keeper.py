"""The thread that keeps the index current while nobody searches, and rebuilds it when the operator asks."""

from __future__ import annotations

import logging
import threading

from prometheus_client import Gauge
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from services.catalog.search.projection import Projection
from services.catalog.store.tables import RebuildRow
from services.common.clock import now
from services.common.database import Database
from services.common.errors import Unavailable
from services.common.ids import new_id

log = logging.getLogger(__name__)
LOOK_SECONDS, STOP_SECONDS = 1.0, 5.0
CHANGES = Gauge("voicehub_search_lag_changes", "Changes of voices that the search index has not seen yet.")
SECONDS = Gauge("voicehub_search_lag_seconds", "Age of the oldest change that the search index has not seen yet.")


class Keeper:
    """Looks once a second; an engine that is away is tried again at the next look."""

    def __init__(self, database: Database, projection: Projection) -> None:
        self._database, self._projection = database, projection
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="search-keeper", daemon=True)

    def start(self) -> None:
        """Starts the thread, and lets the gauges tell the lag."""
        CHANGES.set_function(lambda: self._projection.lag().changes)
        SECONDS.set_function(lambda: self._projection.lag().seconds)
        self._thread.start()

    def stop(self) -> None:
        """Ends it after what it is at. A rebuild is not waited for: it is done at the next start."""
        self._stop.set()
        self._thread.join(STOP_SECONDS)

    def look(self) -> None:
        """One look: catches up, then does the rebuilds that were asked for."""
        self._projection.catch_up()
        while (asked := self._asked()) is not None:
            done = self._projection.rebuild()
            with self._database.write() as session:
                row = session.get_one(RebuildRow, asked)
                row.voices, row.position, row.seconds, row.end_time = done.voices, done.position, done.seconds, now()

    def _run(self) -> None:
        away = False
        while not self._stop.wait(LOOK_SECONDS):
            try:
                self.look()
                away = False
            except (Unavailable, SQLAlchemyError) as error:
                if not away:
                    log.warning("the search index cannot be kept current", extra={"detail": str(error)[:200]})
                away = True
            except Exception:
                log.exception("keeping the search index current failed")

    def _asked(self) -> str | None:
        with self._database.read() as session:
            query = select(RebuildRow.id).where(RebuildRow.end_time.is_(None)).order_by(RebuildRow.id).limit(1)
            return session.scalar(query)


def ask(database: Database) -> str:
    """Asks for a rebuild; answers the id of its row."""
    row = RebuildRow(id=new_id(), create_time=now(), end_time=None, voices=0, position=0, seconds=0.0)
    with database.write() as session:
        session.add(row)
    return row.id
