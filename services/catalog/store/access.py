"""Who may what in a repository: the roles that the tables give, as one number."""

from __future__ import annotations

from collections.abc import Sequence

from blake3 import blake3
from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import Session

from services.catalog.domain.roles import Role, is_archived, lacks
from services.catalog.domain.visibility import Visibility, require_account
from services.catalog.store.access_tables import CollaboratorRow, ErasedRow, MemberRow
from services.catalog.store.tables import RepositoryRow
from services.common.identity import Identity


def role_of(session: Session, identity: Identity, row: RepositoryRow) -> Role:
    """The greatest role that the caller has; services read everything, nobody what is deleted."""
    return roles_of(session, identity, [row])[row.id]


def roles_of(session: Session, identity: Identity, rows: Sequence[RepositoryRow]) -> dict[str, Role]:
    """As `role_of`, by repository id, with two queries for all."""
    given = _given(session, identity.account, rows) if identity.account else {}
    return {row.id: max(_open_to_all(identity, row), given.get(row.id, Role.NONE)) for row in rows}


def require(
    session: Session, identity: Identity, row: RepositoryRow, needed: Role, *, archived_too: bool = False
) -> str:
    """The account, if it has the role; Forbidden otherwise, and for changes of what is archived.

    Whether the caller may read the repository was checked when it was found.
    """
    account = require_account(identity)
    has = role_of(session, identity, row)
    if has < needed:
        raise lacks(f"{row.owner}/{row.name}", row.owner, needed, has)
    if not archived_too:
        check_open(row)
    return account


def check_open(row: RepositoryRow) -> None:
    """Forbidden for what is archived."""
    if row.archived:
        raise is_archived(f"{row.owner}/{row.name}")


def may_create(session: Session, identity: Identity, owner: str) -> bool:
    """Whether the caller may make repositories under that name: one's own, or an organisation's from maintain up."""
    if not identity.account:
        return False
    if identity.account == owner:
        return session.get(ErasedRow, erased_digest(owner)) is None
    return member_role(session, owner, identity.account) >= Role.MAINTAIN


def erased_digest(account: str) -> str:
    """By what an erased account is remembered: 64 hex digits."""
    return blake3(account.encode()).hexdigest()


def member_role(session: Session, organisation: str, account: str) -> Role:
    """The role of an account in an organisation."""
    row = session.get(MemberRow, (organisation, account))
    return Role(row.role) if row is not None else Role.NONE


def visible_to(identity: Identity) -> ColumnElement[bool]:
    """The condition on `RepositoryRow` that the caller may read it."""
    if identity.is_service:
        return RepositoryRow.delete_time.is_(None)
    alive = and_(RepositoryRow.delete_time.is_(None), RepositoryRow.taken_down.is_(False))
    public = RepositoryRow.visibility == Visibility.PUBLIC.value
    if not identity.account:
        return and_(alive, public)
    shared = select(CollaboratorRow.repository_id).where(CollaboratorRow.account == identity.account)
    ours = select(MemberRow.organisation).where(MemberRow.account == identity.account)
    own = or_(public, RepositoryRow.owner == identity.account, RepositoryRow.owner.in_(ours))
    return and_(alive, or_(own, RepositoryRow.id.in_(shared)))


def _open_to_all(identity: Identity, row: RepositoryRow) -> Role:
    reads = identity.is_service or (row.visibility == Visibility.PUBLIC.value and not row.taken_down)
    return Role.READ if reads and row.delete_time is None else Role.NONE


def _given(session: Session, account: str, rows: Sequence[RepositoryRow]) -> dict[str, Role]:
    """What the account was given on those that are neither deleted nor taken down: as owner, member, collaborator."""
    alive = [row for row in rows if row.delete_time is None and not row.taken_down]
    shared = select(CollaboratorRow.repository_id, CollaboratorRow.role).where(
        CollaboratorRow.account == account, CollaboratorRow.repository_id.in_([row.id for row in alive])
    )
    ours = select(MemberRow.organisation, MemberRow.role).where(
        MemberRow.account == account, MemberRow.organisation.in_({row.owner for row in alive})
    )
    by_id = {row.repository_id: row.role for row in session.execute(shared)}
    by_owner = {row.organisation: row.role for row in session.execute(ours)}
    return {
        row.id: Role.ADMIN if row.owner == account else Role(max(by_id.get(row.id, 0), by_owner.get(row.owner, 0)))
        for row in alive
    }
