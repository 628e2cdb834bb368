"""Whether a service can answer: its engines, looked at by a thread of its own so that nobody who asks has to wait.

Needed is what no call can do without, the database and the object store first. The event bus is not: what happened
waits in the outbox while it is away, and taking every pod out of service then would help nobody.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping

from sqlalchemy import text

from services.common.database import Database
from services.common.objects import Area, ObjectStore

log = logging.getLogger(__name__)
LOOK_SECONDS = 5.0
STALE_SECONDS = 60.0
Check = Callable[[], None]
"""Returns when the engine answers; raises whatever its client raises when it does not."""


class Readiness:
    """Looks every `LOOK_SECONDS`. Not ready before the first look, nor when a look takes longer than a minute."""

    def __init__(self, needed: Mapping[str, Check]) -> None:
        self._needed = dict(needed)
        self._away: dict[str, str] = dict.fromkeys(needed, "not looked at yet")
        self._seen = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="readiness", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the thread; does not wait for an engine that hangs."""
        self._stop.set()

    def away(self) -> Mapping[str, str]:
        """What does not answer, and why; empty when the service is ready."""
        if self._needed and not self._away and time.monotonic() - self._seen > STALE_SECONDS:
            return {"readiness": f"an engine has not answered for {STALE_SECONDS:.0f} s"}
        return self._away

    def look(self) -> None:
        """One look at all of them."""
        away = {name: why for name, check in self._needed.items() if (why := _why_away(check))}
        if away != self._away and away:
            log.warning("not ready", extra={"away": away})
        self._away, self._seen = away, time.monotonic()

    def _run(self) -> None:
        self.look()
        while not self._stop.wait(LOOK_SECONDS):
            self.look()


def engine_checks(database: Database, objects: ObjectStore) -> dict[str, Check]:
    """The checks that every service has."""

    def ask_database() -> None:
        with database.read() as session:
            session.execute(text("SELECT 1"))

    def ask_objects() -> None:
        try:
            objects.info(Area.SERVED, "0" * 64)
        except KeyError:
            return  # it answered that there is no such object

    return {"database": ask_database, "objects": ask_objects}


def _why_away(check: Check) -> str:
    try:
        check()
    except Exception as error:  # noqa: BLE001 - edge of a thread: each engine's client has errors of its own, told to who asks
        return f"{type(error).__name__}: {error}".partition("\n")[0][:200]
    return ""
