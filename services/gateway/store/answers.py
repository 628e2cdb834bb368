"""Answers given to requests with an `Idempotency-Key`, kept for a day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import ColumnElement, and_, delete, insert, or_, select, update

from services.common.clock import now
from services.common.database import Database
from services.common.errors import Conflict, Unprocessable
from services.gateway.domain.fingerprints import Fingerprint, seal, unseal
from services.gateway.store.tables import answers

KEPT = timedelta(days=1)
LONGEST = timedelta(minutes=15)
"""No request with a key takes so long: whoever still holds one is gone."""
_DOUBTFUL, _ONCE = -1, -2
"""Status of rows that stay when their attempt is lost: in doubt already, or once it is. They run, too: programs of
before there was doubt leave them alone."""
_RUNNING = answers.c.state == "running", answers.c.status == 0
_RUNNING_ONCE = answers.c.state == "running", answers.c.status == _ONCE


@dataclass(frozen=True)
class Answer:
    """Status and body of a response; the body may be empty when the answer is made again each time."""

    status: int
    body: bytes


class Answers:
    """Remembers answers. A request whose process has ended never got its answer and may come again.

    But for one that would then be there twice: of that it is not known whether it was done.

    Args:
        alone: whether no other process has this database: then what it has in flight at the start was in the last one.
            Elsewhere another replica may be at it, and a key is free after `LONGEST`.
    """

    def __init__(self, database: Database, *, alone: bool) -> None:
        self._database = database
        if alone:
            with database.write() as session:
                session.execute(delete(answers).where(*_RUNNING))
                session.execute(update(answers).where(*_RUNNING_ONCE).values(status=_DOUBTFUL))

    def begin(self, request: Fingerprint, *, once: bool = False) -> Answer | None:
        """Takes the key for this request, or answers what was said the first time.

        Args:
            once: whether the request is not to be done again when this attempt is lost.

        Raises:
            Conflict: the first request is still under way, or nobody knows whether it was done.
            Unprocessable: the key was used for another body.
        """
        with self._database.write() as session:
            lost = answers.c.id == request.id, answers.c.time < now() - LONGEST
            session.execute(delete(answers).where(or_(answers.c.time < now() - KEPT, and_(*_RUNNING, *lost))))
            session.execute(update(answers).where(*_RUNNING_ONCE, *lost).values(status=_DOUBTFUL))
            row = session.execute(select(answers).where(answers.c.id == request.id)).one_or_none()
            if row is None:
                values = {"id": request.id, "body": request.body, "state": "running", "sealed": b""}
                more = {"status": _ONCE if once else 0, "holder": request.attempt, "time": now()}
                session.execute(insert(answers).values(values | more))
                return None
        body = unseal(request.seal, row.sealed) if row.state == "done" else b""
        if row.body != request.body or body is None:
            raise Unprocessable(
                "This Idempotency-Key was used for another request.",
                hint="Use a fresh key for a new request.",
                reason="IDEMPOTENCY_KEY_REUSED",
            )
        if row.status == _DOUBTFUL:
            raise Conflict(
                "It is not known whether the first request with this Idempotency-Key was done.",
                hint="Look whether it was; if not, send it with a fresh key.",
                reason="IDEMPOTENCY_OUTCOME_UNKNOWN",
            )
        if row.state == "running":
            raise Conflict(
                "The first request with this Idempotency-Key is still under way.",
                hint="Wait a moment and send it again.",
                reason="IDEMPOTENCY_IN_FLIGHT",
            )
        return Answer(row.status, body)

    def finish(self, request: Fingerprint, answer: Answer) -> None:
        """Remembers a successful answer, unless the key was free meanwhile and another attempt took it."""
        values = {"state": "done", "status": answer.status, "sealed": seal(request.seal, answer.body)}
        with self._database.write() as session:
            session.execute(update(answers).where(*_held(request)).values(values))

    def doubt(self, request: Fingerprint) -> None:
        """Keeps the key, for nobody knows whether the request had an effect."""
        with self._database.write() as session:
            session.execute(update(answers).where(*_held(request)).values(status=_DOUBTFUL))

    def forget(self, request: Fingerprint) -> None:
        """Frees the key, if this attempt holds it: the request had no effect."""
        with self._database.write() as session:
            session.execute(delete(answers).where(*_held(request)))


def _held(request: Fingerprint) -> tuple[ColumnElement[bool], ...]:
    return answers.c.id == request.id, answers.c.holder == request.attempt
