"""An account was erased: its batches end and go, as if it had deleted them."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from sqlalchemy.orm import Session

from services.common.clock import now
from services.common.database import Database
from services.common.errors import Unavailable
from services.common.events import Event
from services.common.subscriptions import Effect, Subscription
from services.inference.batches import progress, store
from services.inference.batches.shards import UnderWay
from services.inference.domain.batches import Batch
from services.stubs.voicehub.gateway.v1.gateway_pb2 import AccountErased

PATIENCE = timedelta(minutes=10)
"""After that a cancelled batch whose zip is not made is one whose zip cannot be made."""


def subscription(database: Database, under_way: UnderWay) -> Subscription:
    """A group of its own: it waits until what was under way has ended."""
    kind = str(AccountErased.DESCRIPTOR.full_name)
    return Subscription("inference-accounts", {("community", kind): partial(_erased, database, under_way)})


def _erased(database: Database, under_way: UnderWay, event: Event) -> Effect:
    account = event.parse(AccountErased).account
    with database.write() as session:
        for batch in store.of_account(session, account):
            if not batch.state.ended:
                progress.cancel(session, batch)
                under_way.call_off(batch.id)
    return partial(_delete, account=account)


def _delete(session: Session, account: str) -> None:
    """Unavailable, so that the event comes again, while a take may still be spoken that nobody would remove."""
    made = store.of_account(session, account)
    if not all(_has_ended(batch) for batch in made):
        raise Unavailable("Batches of an erased account are still under way.", hint="They end by themselves.")
    for batch in made:
        progress.delete(session, batch)


def _has_ended(batch: Batch) -> bool:
    return bool(batch.zip_digest) or (batch.end_time is not None and batch.end_time < now() - PATIENCE)
