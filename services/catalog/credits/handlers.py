"""What credits listen to: published voices earn, and work that has ended is paid or given back."""

from __future__ import annotations

from functools import partial

from sqlalchemy.orm import Session

from services.catalog.credits import earning, reserving
from services.catalog.credits.domain import Prices
from services.catalog.store import versions
from services.common.events import Event
from services.common.subscriptions import Effect, Subscription
from services.stubs.voicehub.catalog.v1.collaboration_events_pb2 import PullMerged
from services.stubs.voicehub.catalog.v1.events_pb2 import VersionPublished
from services.stubs.voicehub.common.v1.charges_pb2 import ReservationClosed


def subscription(prices: Prices) -> Subscription:
    """The consumer group of the ledger; what comes twice changes nothing."""
    closed = str(ReservationClosed.DESCRIPTOR.full_name)
    return Subscription(
        "catalog-credits",
        {
            ("versions", str(VersionPublished.DESCRIPTOR.full_name)): partial(_published, prices),
            ("community", str(PullMerged.DESCRIPTOR.full_name)): partial(_merged, prices),
            ("training", closed): partial(_closed, prices),
            ("synthesis", closed): partial(_closed, prices),
        },
    )


def _published(prices: Prices, event: Event) -> Effect:
    version_id = event.parse(VersionPublished).version_id

    def effect(session: Session) -> None:
        if version := versions.get(session, version_id):
            earning.published(session, prices, version)

    return effect


def _merged(prices: Prices, event: Event) -> Effect:
    fact = event.parse(PullMerged)

    def effect(session: Session) -> None:
        if version := versions.get(session, fact.version_id):
            merge = f"{fact.repository_id}:{fact.number}"
            earning.merged(session, prices, merge, fact.author, fact.account, version)

    return effect


def _closed(prices: Prices, event: Event) -> Effect:
    fact = event.parse(ReservationClosed)

    def effect(session: Session) -> None:
        reserving.close(session, prices, fact.reservation, fact.units)

    return effect
