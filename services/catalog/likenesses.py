"""The alarm: a new voice of somebody else comes too close to a protected one."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from services.catalog import events
from services.catalog.domain.refs import MAIN
from services.catalog.domain.roles import Role
from services.catalog.domain.speaker import TOO_CLOSE, cosine, embedding_of
from services.catalog.domain.visibility import Visibility
from services.catalog.paging import Page
from services.catalog.store import access, repositories
from services.catalog.store.tables import LikenessRow, RefRow, RepositoryRow, VersionRow
from services.common.clock import now, to_timestamp
from services.common.identity import Identity
from services.common.ids import new_id
from services.stubs.voicehub.catalog.v1 import catalog_pb2 as pb


def note(session: Session, repository: RepositoryRow, version: VersionRow) -> None:
    """Notes what a published voice comes too close to, once for each protected voice; nothing for a private one.

    A private voice exists for its owner only: it is looked at when it becomes public.
    """
    own = embedding_of(version.figures)
    if not own or repository.visibility != Visibility.PUBLIC.value:
        return
    for protected, figures in _protected(session, repository.owner):
        similarity = cosine(own, embedding_of(figures))
        if similarity >= TOO_CLOSE and not _noted(session, version.id, protected):
            row = LikenessRow(
                id=new_id(), repository_id=repository.id, version_id=version.id, protected_id=protected,
                similarity=round(similarity, 4), create_time=now(),
            )  # fmt: skip
            session.add(row)
            events.too_close(session, row)


def note_head(session: Session, repository: RepositoryRow) -> None:
    """As `note`, for what the repository shows now."""
    head = repositories.heads(session, [repository.id]).get(repository.id)
    if head is not None:
        note(session, repository, session.scalars(select(VersionRow).where(VersionRow.id == head)).one())


def protect(session: Session, identity: Identity, request: pb.SetProtectionRequest) -> RepositoryRow:
    """Protects a voice or stops that; only its owner may."""
    row = repositories.readable(session, identity, request.owner, request.name)
    access.require(session, identity, row, Role.ADMIN)
    row.protected = request.protected
    return row


def page_of(
    session: Session, identity: Identity, request: pb.ListLikenessesRequest, page: Page
) -> Sequence[LikenessRow]:
    """Up to `page.size + 1` of what came too close to the repository or what it came too close to, newest first."""
    row = repositories.readable(session, identity, request.owner, request.name)
    access.require(session, identity, row, Role.ADMIN)
    either = or_(LikenessRow.repository_id == row.id, LikenessRow.protected_id == row.id)
    query = select(LikenessRow).where(either, LikenessRow.sequence < page.before)
    return session.scalars(query.order_by(LikenessRow.sequence.desc()).limit(page.size + 1)).all()


def shown(session: Session, identity: Identity, rows: Sequence[LikenessRow]) -> list[pb.Likeness]:
    """The rows as the caller may see them: a side that is private for the caller has no names."""
    ids = {id_ for row in rows for id_ in (row.repository_id, row.protected_id)}
    found = session.scalars(select(RepositoryRow).where(RepositoryRow.id.in_(ids)))
    names = {r.id: (r.owner, r.name) for r in found if access.role_of(session, identity, r)}
    answer = []
    for row in rows:
        owner, name = names.get(row.repository_id, ("", ""))
        protected_owner, protected_name = names.get(row.protected_id, ("", ""))
        answer.append(
            pb.Likeness(
                id=row.id,
                owner=owner,
                name=name,
                version=row.version_id if name else "",
                protected_owner=protected_owner,
                protected_name=protected_name,
                similarity=row.similarity,
                create_time=to_timestamp(row.create_time),
            )
        )
    return answer


def _protected(session: Session, not_of: str) -> list[tuple[str, dict[str, object]]]:
    query = (
        select(RepositoryRow.id, VersionRow.figures)
        .join(RefRow, (RefRow.repository_id == RepositoryRow.id) & (RefRow.name == MAIN))
        .join(VersionRow, VersionRow.id == RefRow.version_id)
        .where(RepositoryRow.protected, RepositoryRow.owner != not_of)
    )
    return [(id_, figures) for id_, figures in session.execute(query)]


def _noted(session: Session, version: str, protected: str) -> bool:
    query = select(LikenessRow.id).where(LikenessRow.version_id == version, LikenessRow.protected_id == protected)
    return session.scalar(query) is not None
