"""Who may what in a repository: the roles that the tables give, as one number."""

from __future__ import annotations

from sqlalchemy import ColumnElement, or_, true
from sqlalchemy.orm import Session

from services.catalog.domain.roles import Role, lacks
from services.catalog.domain.visibility import Visibility, require_account
from services.catalog.store.tables import RepositoryRow
from services.common.identity import Identity


def role_of(session: Session, identity: Identity, row: RepositoryRow) -> Role:
    """The greatest role that the caller has; services read everything."""
    if identity.account and identity.account == row.owner:
        return Role.ADMIN
    reads = identity.is_service or row.visibility == Visibility.PUBLIC.value
    return Role.READ if reads else Role.NONE


def require(session: Session, identity: Identity, row: RepositoryRow, needed: Role) -> str:
    """The account, if it has the role; Forbidden otherwise. Whether it may read was checked when the row was found."""
    account = require_account(identity)
    has = role_of(session, identity, row)
    if has < needed:
        raise lacks(f"{row.owner}/{row.name}", row.owner, needed, has)
    return account


def may_create(session: Session, identity: Identity, owner: str) -> bool:
    """Whether the caller may make repositories under that name."""
    return bool(identity.account) and identity.account == owner


def visible_to(identity: Identity) -> ColumnElement[bool]:
    """The condition on `RepositoryRow` that the caller may read it."""
    if identity.is_service:
        return true()
    public = RepositoryRow.visibility == Visibility.PUBLIC.value
    return or_(public, RepositoryRow.owner == identity.account) if identity.account else public
