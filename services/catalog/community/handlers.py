"""New versions are told to whoever watches."""

from __future__ import annotations

from sqlalchemy.orm import Session

from services.catalog.community import notices
from services.catalog.store import repositories, versions
from services.common.events import Event
from services.common.subscriptions import Effect, Subscription
from services.stubs.voicehub.catalog.v1.events_pb2 import VersionPublished


def subscription() -> Subscription:
    """The consumer group of notices; what comes twice is told once."""
    return Subscription("catalog-notices", {("versions", str(VersionPublished.DESCRIPTOR.full_name)): _published})


def _published(event: Event) -> Effect:
    version_id = event.parse(VersionPublished).version_id

    def effect(session: Session) -> None:
        version = versions.get(session, version_id)
        if version is not None:
            happened = notices.Happened("version", f"version:{version.id}", version.id, version.message, version.author)
            notices.tell(session, repositories.by_id(session, version.repository_id), happened)

    return effect
