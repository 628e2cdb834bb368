"""The tables of roles, organisations, old names and transfers."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from services.catalog.store.tables import ACCOUNT, DIGEST, ID, Base


class RedirectRow(Base):
    """A name that a repository had before; whoever makes a repository of that name takes it over."""

    __tablename__ = "redirects"
    owner: Mapped[str] = mapped_column(ACCOUNT, primary_key=True)
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    repository_id: Mapped[str] = mapped_column(ForeignKey("repositories.id"), index=True)


class CollaboratorRow(Base):
    """The role of an account on a repository."""

    __tablename__ = "collaborators"
    repository_id: Mapped[str] = mapped_column(ForeignKey("repositories.id"), primary_key=True)
    account: Mapped[str] = mapped_column(ACCOUNT, primary_key=True, index=True)
    role: Mapped[int]


class ErasedRow(Base):
    """An account that was erased, by a digest of its name: a call that came too late makes nothing in its name."""

    __tablename__ = "erased_accounts"
    digest: Mapped[str] = mapped_column(DIGEST, primary_key=True)
    create_time: Mapped[datetime]


class OrganisationRow(Base):
    """An owner that is not one person; the gateway keeps its name free of accounts."""

    __tablename__ = "organisations"
    name: Mapped[str] = mapped_column(ACCOUNT, primary_key=True)
    create_time: Mapped[datetime]


class MemberRow(Base):
    """The role of an account on every repository of an organisation."""

    __tablename__ = "members"
    organisation: Mapped[str] = mapped_column(ForeignKey("organisations.name"), primary_key=True)
    account: Mapped[str] = mapped_column(ACCOUNT, primary_key=True, index=True)
    role: Mapped[int]


class TransferRow(Base):
    """A repository offered to another owner; one offer at a time."""

    __tablename__ = "transfers"
    id: Mapped[str] = mapped_column(ID, primary_key=True)
    repository_id: Mapped[str] = mapped_column(ForeignKey("repositories.id"), unique=True)
    new_owner: Mapped[str] = mapped_column(ACCOUNT, index=True)
    account: Mapped[str] = mapped_column(ACCOUNT)
    create_time: Mapped[datetime]
