"""The events the catalog says, recorded in the transaction that makes them true."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from google.protobuf.message import Message
from sqlalchemy import select
from sqlalchemy.orm import Session

from services.catalog.messages import comment
from services.catalog.store.pull_tables import PullRequestRow
from services.catalog.store.tables import CommentRow, LikenessRow, RepositoryRow, VersionRow
from services.common import metrics, outbox
from services.common.events import make_event
from services.common.structs import to_struct
from services.stubs.voicehub.catalog.v1 import collaboration_events_pb2, events_pb2
from services.stubs.voicehub.common.v1 import common_pb2

SOURCE = "catalog"
metrics.count_from_zero("versions", ("VersionPushed", "VersionPublished", "VersionQuarantined"))


def pushed(session: Session, repository: RepositoryRow, version: VersionRow) -> None:
    """A version waits for its scan."""
    files = [
        common_pb2.UploadedFile(
            role=u["role"],
            filename=u["filename"],
            object=common_pb2.ObjectRef(digest=u["digest"], size=u["size"]),
        )
        for u in version.uploads
    ]
    payload = events_pb2.VersionPushed(
        version_id=version.id,
        owner=repository.owner,
        name=repository.name,
        author=version.author,
        files=files,
        card=to_struct(version.card),
    )
    _say(session, "versions", version.id, payload)


def published(session: Session, repository: RepositoryRow, version: VersionRow) -> None:
    """A version is visible, found and pulled from now on."""
    payload = events_pb2.VersionPublished(
        version_id=version.id,
        owner=repository.owner,
        name=repository.name,
        auditionable=not version.not_auditionable,
    )
    _say(session, "versions", version.id, payload)


def quarantined(session: Session, repository: RepositoryRow, version: VersionRow) -> None:
    """A version was refused."""
    payload = events_pb2.VersionQuarantined(version_id=version.id, owner=repository.owner, name=repository.name)
    _say(session, "versions", version.id, payload)


def erased(session: Session, version: VersionRow, samples: Iterable[str]) -> None:
    """Whoever keeps something of a version forgets it; `samples` are digests of audio that was spoken by it alone."""
    _say(session, "versions", version.id, events_pb2.VersionErased(version_id=version.id, samples=samples))


def starred(session: Session, repository: RepositoryRow, account: str, is_starred: bool) -> None:
    """An account gave or took back its star."""
    payload = events_pb2.RepositoryStarred(repository_id=repository.id, account=account, starred=is_starred)
    _say(session, "community", repository.id, payload)


def commented(session: Session, repository: RepositoryRow, row: CommentRow) -> None:
    """Somebody commented."""
    payload = events_pb2.CommentCreated(repository_id=repository.id, comment=comment(row))
    _say(session, "community", repository.id, payload)


def forked(session: Session, upstream: RepositoryRow, fork: RepositoryRow, version: VersionRow, account: str) -> None:
    """Somebody forked a voice."""
    payload = collaboration_events_pb2.RepositoryForked(
        repository_id=upstream.id, fork_id=fork.id, version_id=version.id, account=account
    )
    _say(session, "community", upstream.id, payload)


def evaluation_requested(session: Session, version_id: str) -> None:
    """Somebody shall judge a version."""
    version = session.scalars(select(VersionRow).where(VersionRow.id == version_id)).one()
    place = session.scalars(select(RepositoryRow).where(RepositoryRow.id == version.repository_id)).one()
    payload = collaboration_events_pb2.EvaluationRequested(version_id=version_id, owner=place.owner, name=place.name)
    _say(session, "community", version_id, payload)


def merge_requested(session: Session, pull: PullRequestRow, merge_bases: Sequence[str], account: str) -> None:
    """Somebody shall merge the weights of both sides of a pull request."""
    place = session.scalars(select(RepositoryRow).where(RepositoryRow.id == pull.repository_id)).one()
    payload = collaboration_events_pb2.MergeRequested(
        pull_id=pull.id,
        base_version=pull.merging["base"],
        head_version=pull.merging["head"],
        merge_bases=merge_bases,
        options=to_struct(pull.merging["options"]),
        account=account,
        owner=place.owner,
        name=place.name,
        number=pull.number,
    )
    _say(session, "community", pull.id, payload)


def pull_merged(session: Session, pull: PullRequestRow) -> None:
    """A contribution was adopted."""
    payload = collaboration_events_pb2.PullMerged(
        repository_id=pull.repository_id,
        number=pull.number,
        author=pull.author,
        version_id=pull.head_version,
        account=pull.closer,
    )
    _say(session, "community", pull.repository_id, payload)


def too_close(session: Session, row: LikenessRow) -> None:
    """A published voice comes too close to a protected one."""
    payload = events_pb2.VoiceTooClose(
        repository_id=row.repository_id,
        version_id=row.version_id,
        protected_repository_id=row.protected_id,
        similarity=row.similarity,
    )
    _say(session, "community", row.repository_id, payload)


def _say(session: Session, topic: str, key: str, payload: Message) -> None:
    outbox.record(session, make_event(topic, key, payload, SOURCE))
