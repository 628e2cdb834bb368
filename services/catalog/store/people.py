"""Collaborators, organisations and transfers: queries."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, delete, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from services.catalog.domain.roles import Role
from services.catalog.store import repositories
from services.catalog.store.access_tables import CollaboratorRow, MemberRow, OrganisationRow, TransferRow
from services.catalog.store.tables import RepositoryRow


def collaborators(session: Session, repository_id: str) -> Sequence[CollaboratorRow]:
    """Who has a role on a repository, by name."""
    query = select(CollaboratorRow).where(CollaboratorRow.repository_id == repository_id)
    return session.scalars(query.order_by(CollaboratorRow.account)).all()


def granted(session: Session, repository_id: str, account: str) -> Role:
    """The role that an account was given on a repository."""
    row = session.get(CollaboratorRow, (repository_id, account))
    return Role(row.role) if row is not None else Role.NONE


def grant(session: Session, repository_id: str, account: str, role: Role) -> None:
    """Gives an account a role on a repository; NONE takes it back."""
    row = session.get(CollaboratorRow, (repository_id, account))
    if row is not None and not role:
        session.delete(row)
    elif row is not None:
        row.role = role.value
    elif role:
        session.add(CollaboratorRow(repository_id=repository_id, account=account, role=role.value))
    session.flush()
    repositories.mark_stale(session, repository_id)  # who may read it finds it


def members(session: Session, organisation: str) -> Sequence[MemberRow]:
    """Who belongs to an organisation, by name."""
    query = select(MemberRow).where(MemberRow.organisation == organisation)
    return session.scalars(query.order_by(MemberRow.account)).all()


def join(session: Session, organisation: str, account: str, role: Role) -> None:
    """Gives an account a role in an organisation; NONE ends it."""
    row = session.get(MemberRow, (organisation, account))
    if row is not None and not role:
        session.delete(row)
    elif row is not None:
        row.role = role.value
    elif role:
        session.add(MemberRow(organisation=organisation, account=account, role=role.value))
    session.flush()


def is_organisation(session: Session, owner: str) -> bool:
    """Whether an owner is no account."""
    return session.get(OrganisationRow, owner) is not None


def admins(session: Session, organisation: str) -> int:
    """How many lead an organisation."""
    query = select(func.count()).select_from(MemberRow)
    return int(session.scalar(query.where(MemberRow.organisation == organisation, MemberRow.role == Role.ADMIN)) or 0)


def organisations_of(session: Session, account: str, after: str, size: int) -> list[tuple[OrganisationRow, Role]]:
    """Up to `size + 1` organisations of an account, by name, with its role."""
    query = select(OrganisationRow, MemberRow.role).join(MemberRow, MemberRow.organisation == OrganisationRow.name)
    query = query.where(MemberRow.account == account, OrganisationRow.name > after).order_by(OrganisationRow.name)
    return [(row, Role(role)) for row, role in session.execute(query.limit(size + 1))]


def groups_of(session: Session, account: str) -> tuple[str, ...]:
    """Names of the organisations that an account belongs to."""
    query = select(MemberRow.organisation).where(MemberRow.account == account).order_by(MemberRow.organisation)
    return tuple(session.scalars(query)) if account else ()


def leaders(session: Session, owner: str) -> set[str]:
    """Who acts for an owner: the admins of an organisation, else the account itself."""
    query = select(MemberRow.account).where(MemberRow.organisation == owner, MemberRow.role == Role.ADMIN)
    return set(session.scalars(query)) or {owner}


def transfers_to(session: Session, account: str) -> Sequence[TransferRow]:
    """Offers to an account and to the organisations that it administers."""
    query = select(TransferRow).where(led_by(TransferRow.new_owner, account))
    return session.scalars(query.order_by(TransferRow.id)).all()


def transfers_from(session: Session, account: str) -> Sequence[TransferRow]:
    """Offers of repositories of an account and of the organisations that it administers."""
    query = select(TransferRow).join(RepositoryRow, RepositoryRow.id == TransferRow.repository_id)
    return session.scalars(query.where(led_by(RepositoryRow.owner, account)).order_by(TransferRow.id)).all()


def offers_to(session: Session, owner: str) -> Sequence[TransferRow]:
    """Offers to that owner alone."""
    return session.scalars(select(TransferRow).where(TransferRow.new_owner == owner).order_by(TransferRow.id)).all()


def repositories_of(session: Session, owner: str) -> Sequence[str]:
    """Names of all that an owner has and has not deleted, whoever may see it."""
    alive = RepositoryRow.delete_time.is_(None)
    query = select(RepositoryRow.name).where(RepositoryRow.owner == owner, alive)
    return session.scalars(query.order_by(RepositoryRow.name)).all()


def dissolve(session: Session, organisation: str) -> None:
    """Ends an organisation and its memberships."""
    session.execute(delete(MemberRow).where(MemberRow.organisation == organisation))
    session.execute(delete(OrganisationRow).where(OrganisationRow.name == organisation))


def led_by(owner: InstrumentedAttribute[str], account: str) -> ColumnElement[bool]:
    """The account itself, or an organisation that it administers."""
    led = select(MemberRow.organisation).where(MemberRow.account == account, MemberRow.role == Role.ADMIN)
    return or_(owner == account, owner.in_(led))
