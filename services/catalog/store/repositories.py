"""Repositories and refs: queries. Every look-up takes the caller, so that nothing invisible leaves this module."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session

from services.catalog.domain.refs import MAIN
from services.catalog.domain.visibility import Visibility, missing_repository
from services.catalog.paging import Page
from services.catalog.store import access
from services.catalog.store.access_tables import RedirectRow
from services.catalog.store.tables import ChangeRow, RefRow, RepositoryRow, StarRow
from services.common.clock import now
from services.common.identity import Identity
from services.common.ids import new_id


def find(session: Session, owner: str, name: str) -> RepositoryRow | None:
    """The repository of that name, or the one that had it before, whoever asks."""
    row = named(session, owner, name)
    if row is not None:
        return row
    old = session.get(RedirectRow, (owner, name))
    return by_id(session, old.repository_id) if old is not None else None


def named(session: Session, owner: str, name: str) -> RepositoryRow | None:
    """The repository that has the name now."""
    query = select(RepositoryRow).where(RepositoryRow.owner == owner, RepositoryRow.name == name)
    return session.scalars(query).one_or_none()


def keep_old_name(session: Session, row: RepositoryRow) -> None:
    """The present name leads to the repository after it has got another one."""
    session.add(RedirectRow(owner=row.owner, name=row.name, repository_id=row.id))


def free_old_name(session: Session, owner: str, name: str) -> None:
    """The name leads nowhere any more: somebody uses it again."""
    session.execute(delete(RedirectRow).where(RedirectRow.owner == owner, RedirectRow.name == name))


def forget_old_names(session: Session, repository_id: str) -> None:
    """No name leads to the repository any more."""
    session.execute(delete(RedirectRow).where(RedirectRow.repository_id == repository_id))


def by_id(session: Session, repository_id: str) -> RepositoryRow:
    """The repository that a version belongs to."""
    return session.scalars(select(RepositoryRow).where(RepositoryRow.id == repository_id)).one()


def readable(session: Session, identity: Identity, owner: str, name: str) -> RepositoryRow:
    """The repository, or NotFound: missing and invisible look the same."""
    row = find(session, owner, name)
    if row is None or not access.role_of(session, identity, row):
        raise missing_repository(owner, name)
    return row


def create(session: Session, owner: str, name: str, visibility: Visibility) -> RepositoryRow:
    """A new repository; the caller has checked owner and name."""
    free_old_name(session, owner, name)
    row = RepositoryRow(
        id=new_id(),
        owner=owner,
        name=name,
        visibility=visibility.value,
        create_time=now(),
        stars=0,
        comments=0,
        downloads=0,
    )
    session.add(row)
    session.flush()
    return row


def page_of(session: Session, identity: Identity, owner: str, page: Page) -> Sequence[RepositoryRow]:
    """Up to `page.size + 1` readable repositories, newest first; of one owner unless `owner` is empty."""
    query = select(RepositoryRow).where(RepositoryRow.sequence < page.before, access.visible_to(identity))
    if owner:
        query = query.where(RepositoryRow.owner == owner)
    return session.scalars(query.order_by(RepositoryRow.sequence.desc()).limit(page.size + 1)).all()


def readable_ids(session: Session, identity: Identity, ids: Sequence[str]) -> dict[str, RepositoryRow]:
    """Those of the given repositories that the caller may read, by id."""
    query = select(RepositoryRow).where(RepositoryRow.id.in_(ids), access.visible_to(identity))
    return {row.id: row for row in session.scalars(query)}


def heads(session: Session, repository_ids: Sequence[str]) -> dict[str, str]:
    """Version ids of the refs `main`, by repository id; of those that name one."""
    query = select(RefRow).where(RefRow.repository_id.in_(repository_ids), RefRow.name == MAIN)
    return {ref.repository_id: ref.version_id for ref in session.scalars(query) if ref.version_id}


def starred(session: Session, account: str, repository_ids: Sequence[str]) -> set[str]:
    """Which of the repositories the account has starred."""
    if not account:
        return set()
    query = select(StarRow.repository_id).where(StarRow.account == account, StarRow.repository_id.in_(repository_ids))
    return set(session.scalars(query))


def public_forks(session: Session, repository_ids: Sequence[str]) -> dict[str, int]:
    """How many forks everybody may see, by repository id."""
    query = select(RepositoryRow.upstream_id, func.count()).where(
        RepositoryRow.upstream_id.in_(repository_ids),
        RepositoryRow.visibility == Visibility.PUBLIC.value,
        RepositoryRow.delete_time.is_(None),
    )
    return {str(upstream): int(count) for upstream, count in session.execute(query.group_by(RepositoryRow.upstream_id))}


def mark_stale(session: Session, repository_id: str) -> None:
    """The search index must look at this repository again, once this transaction has committed."""
    session.execute(delete(ChangeRow).where(ChangeRow.repository_id == repository_id))
    session.execute(insert(ChangeRow).values(repository_id=repository_id, create_time=now()))
