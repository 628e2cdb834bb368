"""The event that asks for a merge."""

from __future__ import annotations

from sqlalchemy.orm import Session

from services.common.clock import now
from services.common.events import Event
from services.common.structs import from_struct
from services.common.subscriptions import Effect, Subscription
from services.stubs.voicehub.catalog.v1.collaboration_events_pb2 import MergeRequested
from services.trainer.merging import store
from services.trainer.merging.domain import Merge, State
from services.trainer.merging.runner import MergeRunner


def subscription(runner: MergeRunner) -> Subscription:
    """What pull requests ask for: queued in the transaction that marks the event as seen."""

    def requested(event: Event) -> Effect:
        merge = _asked(event)
        runner.taker.wake()

        def effect(session: Session) -> None:
            store.add(session, merge)

        return effect

    return Subscription("trainer-merges", {("community", str(MergeRequested.DESCRIPTOR.full_name)): requested})


def _asked(event: Event) -> Merge:
    fact = event.parse(MergeRequested)
    return Merge(
        id=event.id,
        pull_id=fact.pull_id,
        number=fact.number,
        owner=fact.owner,
        name=fact.name,
        ours=fact.base_version,
        theirs=fact.head_version,
        bases=tuple(fact.merge_bases),
        options=from_struct(fact.options),
        state=State.QUEUED,
        create_time=now(),
    )
