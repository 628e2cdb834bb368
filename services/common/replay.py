"""Parked events, given another try."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC

from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.orm import Session

from services.common import outbox
from services.common.events import Event
from services.common.tables import dead_letters, inbox


def replay(session: Session, only: str | None = None) -> Sequence[str]:
    """Takes parked events (or the one with the id `only`) out of the dead letters and sends them again.

    They go through the outbox under their old ids: the subscription that failed has forgotten them and tries again, all
    others know them and pass over them. Answers the ids.
    """
    wanted: ColumnElement[bool] = dead_letters.c.event_id == only if only else dead_letters.c.event_id.is_not(None)
    letters = session.execute(select(dead_letters).where(wanted).order_by(dead_letters.c.event_time)).all()
    for letter in letters:
        seen = (inbox.c.subscription == letter.subscription) & (inbox.c.event_id == letter.event_id)
        session.execute(delete(inbox).where(seen))
    session.execute(delete(dead_letters).where(wanted))
    events = {
        letter.event_id: Event(
            letter.event_id,
            letter.topic,
            letter.key,
            letter.type,
            letter.source,
            letter.event_time.replace(tzinfo=UTC),
            letter.data,
            letter.trace,
        )
        for letter in letters
    }
    for event in events.values():  # once, even if two subscriptions had parked it
        outbox.record(session, event)
    return list(events)
