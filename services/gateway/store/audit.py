"""The audit log: rows are only ever added, in the transaction of the act they record; each also leaves as an event."""

from __future__ import annotations

from datetime import UTC

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from services.common import outbox
from services.common.clock import now, to_timestamp
from services.common.events import make_event
from services.gateway.domain.chain import GENESIS, AuditEntry, link
from services.gateway.store.tables import audit
from services.stubs.voicehub.gateway.v1.gateway_pb2 import AuditRecorded

TARGET_MAX = 500


def record(session: Session, account: str, action: str, target: str) -> None:
    """Adds an entry and its event to the transaction of `session`."""
    entry = AuditEntry(account, action, target[:TARGET_MAX], now())
    newest = select(audit.c.chain).order_by(audit.c.sequence.desc()).limit(1)
    previous = session.execute(newest).scalar_one_or_none() or GENESIS
    session.execute(
        insert(audit).values(
            time=entry.time, account=account, action=action, target=entry.target, chain=link(previous, entry)
        )
    )
    payload = AuditRecorded(account=account, action=action, target=entry.target, time=to_timestamp(entry.time))
    outbox.record(session, make_event("audit", account or "-", payload, source="gateway"))


def first_broken(session: Session) -> int | None:
    """The sequence of the first entry that does not fit the one before it; None when the chain is whole."""
    previous = GENESIS
    for row in session.execute(select(audit).order_by(audit.c.sequence)):
        entry = AuditEntry(row.account, row.action, row.target, row.time.replace(tzinfo=UTC))
        if row.chain != link(previous, entry):
            return int(row.sequence)
        previous = row.chain
    return None
