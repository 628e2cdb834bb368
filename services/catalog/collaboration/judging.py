"""The port of the evaluator: who is asked to judge a version, and what is done with the answer.

The catalog cannot listen to voices. It asks, and a worker that can reports later; figures that come with a push are
what its pusher says, and count for nothing here.
"""

from __future__ import annotations

from typing import Protocol

from sqlalchemy.orm import Session

from services.catalog import events
from services.catalog.domain.road import State
from services.catalog.store import versions
from services.catalog.store.pull_tables import EvaluationRow
from services.common.clock import now
from services.common.errors import NotFound
from services.common.structs import from_struct
from services.stubs.voicehub.catalog.v1 import pulls_pb2 as pb


class Evaluator(Protocol):
    """Judges voices. May answer at once or much later, by `record`; asking twice for one version is no error."""

    def __call__(self, session: Session, version_id: str) -> None:
        """Asks for the figures of a version, in the transaction of what needs them."""
        ...


def by_event(session: Session, version_id: str) -> None:
    """The evaluator of a hub: whoever listens to EvaluationRequested (the trainer has the judges)."""
    events.evaluation_requested(session, version_id)


def ask(session: Session, version_id: str, evaluator: Evaluator = by_event) -> None:
    """Has a version judged, once."""
    if session.get(EvaluationRow, version_id) is not None:
        return
    session.add(EvaluationRow(version_id=version_id, figures={}, tools={}, create_time=now(), end_time=None))
    session.flush()
    evaluator(session, version_id)


def record(session: Session, told: pb.Evaluation) -> None:
    """Keeps how a version was judged; the last report stands."""
    version = versions.get(session, told.version)
    if version is None:
        raise NotFound("There is no such version.", hint="Report the id of the event.", reason="VERSION_NOT_FOUND")
    if version.state == State.ERASED:
        return  # while it was judged
    row = session.get(EvaluationRow, told.version)
    if row is None:
        row = EvaluationRow(version_id=told.version, create_time=now())
        session.add(row)
    row.figures, row.tools, row.failure = from_struct(told.figures), dict(told.tools), told.failure[:2000]
    row.end_time = now()
