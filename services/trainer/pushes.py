"""Trained voices on their way into the catalog, beside the trainings: a catalog that is away holds up none of those.

Each waits in its job's folder. At the next start its job runs again, whose worker finds everything trained.
"""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

from sqlalchemy.orm import Session

from services.common import tracing
from services.common.away import is_away
from services.common.database import Database
from services.trainer import records, store
from services.trainer.domain.jobs import Job, State
from services.trainer.port import Publish

log = logging.getLogger(__name__)
AWAY_SECONDS, MOST_AWAY_SECONDS = 5.0, 60.0
"""How long a push waits after the first refusal of what is away; each time twice as long, up to the second."""


@dataclass(eq=False)
class Push:
    """A voice that is to be pushed, and when next."""

    job: Job
    folder: Path
    report: Mapping[str, Any]
    due: float = 0.0
    pause: float = 0.0


class Pushes:
    """The thread of pushes. Versions of one voice keep their order; others do not wait for them."""

    def __init__(self, database: Database, publish: Publish, wake: Callable[[], None]) -> None:
        """`wake`: tells the watchers of jobs that there are news."""
        self._database, self._publish, self._wake = database, publish, wake
        self._changed = threading.Condition()
        self._waiting: list[Push] = []
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="trainer-pushes", daemon=True)

    def start(self) -> None:
        """Begins to push."""
        self._thread.start()

    def stop(self, timeout: float) -> None:
        """Begins no other push; the jobs of those that wait stay as they are."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        self._thread.join(timeout)

    def add(self, push: Push) -> None:
        """From here on the job is this thread's."""
        with self._changed:
            self._waiting.append(push)
            self._changed.notify_all()

    def jobs(self) -> frozenset[str]:
        """The ids of those that are pushed or wait for it."""
        with self._changed:
            return frozenset(one.job.id for one in self._waiting)

    def _run(self) -> None:
        while (push := self._next()) is not None:
            try:
                with tracing.span("push", tracing.SpanKind.INTERNAL, "", {"voicehub.job.id": push.job.id}):
                    self._attend(push)
            except Exception as error:  # edge of the thread: the catalog, the store or the database comes back
                log.warning("push failed, trying again", exc_info=error, extra={"job": push.job.id})
                self._put_off(push)
            else:
                self._drop(push)

    def _next(self) -> Push | None:
        """Waits for one that is due; None when there is to be no other."""
        with self._changed:
            while not self._stopped:
                first: dict[tuple[str, str], Push] = {}
                for one in self._waiting:
                    first.setdefault((one.job.owner, one.job.name), one)
                earliest = min(first.values(), key=lambda one: one.due, default=None)
                if earliest is not None and earliest.due <= monotonic():
                    return earliest
                self._changed.wait(earliest.due - monotonic() if earliest is not None else None)
        return None

    def _put_off(self, push: Push) -> None:
        with self._changed:
            push.pause = min(2 * push.pause or AWAY_SECONDS, MOST_AWAY_SECONDS)
            push.due = monotonic() + push.pause

    def _drop(self, push: Push) -> None:
        with self._changed:
            self._waiting.remove(push)
            self._changed.notify_all()

    def _attend(self, push: Push) -> None:
        """Raises what `is_away`, and what the database raises: the same again is no second version."""
        with self._database.read() as session:
            if not _runs(session, push.job.id):
                return
        try:
            version = self._publish(push.job, push.folder / "voice")
        except Exception as error:  # edge of a job: whatever stops the push is told to its owner
            if is_away(error):
                raise
            log.exception("push failed", extra={"job": push.job.id})
            failure = f"The voice is trained but could not be pushed: {error} Resume the job to try again."
            with self._database.write() as session:
                records.fail_running(session, push.job.id, failure)
        else:
            with self._database.write() as session:
                if _runs(session, push.job.id):
                    records.succeed(session, push.job.id, version, push.report)
            shutil.rmtree(push.folder, ignore_errors=True)  # nobody's recording is kept longer than needed
        self._wake()


def _runs(session: Session, job_id: str) -> bool:
    """Whether nobody has erased it meanwhile."""
    found = store.find(session, job_id)
    return found is not None and found.state is State.RUNNING
