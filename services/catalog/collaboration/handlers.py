"""What the catalog does when an account is erased."""

from __future__ import annotations

from functools import partial

from services.catalog.collaboration import forgetting
from services.common.database import Database
from services.common.events import Event
from services.common.subscriptions import Effect, Subscription
from services.stubs.voicehub.gateway.v1.gateway_pb2 import AccountErased


def subscription(database: Database) -> Subscription:
    """A group of its own: an account with many voices holds up no road of a version."""
    kind = str(AccountErased.DESCRIPTOR.full_name)
    return Subscription("catalog-accounts", {("community", kind): partial(_erased, database)})


def _erased(database: Database, event: Event) -> Effect:
    fact = event.parse(AccountErased)
    with database.write() as session:
        forgetting.lock_out(session, fact.account)
    more = True
    while more:  # in small transactions; what a crash interrupted goes on with what is left
        with database.write() as session:
            more = forgetting.erase_voices(session, fact.account)
    uploads = list(fact.uploads)
    return partial(forgetting.forget, account=fact.account, pseudonym=fact.pseudonym, uploads=uploads)
