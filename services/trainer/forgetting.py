"""An account was erased: its training ends, and nothing of its recordings is kept.

The recordings themselves are uploads, which the catalog collects as garbage.
"""

from __future__ import annotations

from functools import partial

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from services.common.charges import close
from services.common.database import Database
from services.common.events import Event
from services.common.subscriptions import Effect, Subscription
from services.stubs.voicehub.gateway.v1.gateway_pb2 import AccountErased
from services.trainer import store
from services.trainer.domain.jobs import State
from services.trainer.evaluation.tables import evaluations
from services.trainer.merging.tables import merges
from services.trainer.port import Training
from services.trainer.tables import cluster_work, jobs, progress


def subscription(database: Database, training: Training) -> Subscription:
    """A group of its own."""
    kind = str(AccountErased.DESCRIPTOR.full_name)
    return Subscription("trainer-accounts", {("community", kind): partial(_erased, database, training)})


def _erased(database: Database, training: Training, event: Event) -> Effect:
    fact = event.parse(AccountErased)
    with database.write() as session:
        made = store.of_account(session, fact.account)
        for job in made:
            if not job.state.ended:
                store.set_state(session, job.id, State.CANCELLED)
                close(session, job.id, 0)
    for job in made:
        training.forget(job.id)
    return partial(_forget, account=fact.account, pseudonym=fact.pseudonym)


def _forget(session: Session, account: str, pseudonym: str) -> None:
    made = select(jobs.c.id).where(jobs.c.account == account)
    for table in (progress, cluster_work):
        session.execute(delete(table).where(table.c.job_id.in_(made)))
    session.execute(delete(jobs).where(jobs.c.account == account))
    for named in (evaluations, merges):
        session.execute(update(named).where(named.c.owner == account).values(owner=pseudonym))
