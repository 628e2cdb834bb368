"""What becomes of a repository: renamed, handed on, archived, deleted."""

from __future__ import annotations

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from services.catalog.community import notices
from services.catalog.community.notices import Happened
from services.catalog.domain.names import check_repository
from services.catalog.domain.roles import Role, not_yours
from services.catalog.domain.visibility import require_account
from services.catalog.store import access, people, pulls, repositories
from services.catalog.store.access_tables import TransferRow
from services.catalog.store.tables import HistoryRow, RefRow, RepositoryRow
from services.common.clock import now
from services.common.errors import Conflict, Invalid, NotFound, Unprocessable
from services.common.identity import Identity
from services.common.ids import new_id
from services.stubs.voicehub.catalog.v1 import access_pb2 as pb

TOMBSTONE = "~"
"""Begins the name of what is deleted: no repository can be called so, and the name it had is free again."""


def rename(session: Session, identity: Identity, request: pb.RenameRepositoryRequest) -> RepositoryRow:
    """Gives a repository another name; the old one leads to it until somebody uses it."""
    row = repositories.readable(session, identity, request.owner, request.name)
    access.require(session, identity, row, Role.ADMIN)
    check_repository(row.owner, request.new_name)
    _move(session, row, row.owner, request.new_name)
    return row


def archive(session: Session, identity: Identity, request: pb.ArchiveRepositoryRequest) -> RepositoryRow:
    """Makes a repository read-only, or opens it again."""
    row = repositories.readable(session, identity, request.owner, request.name)
    access.require(session, identity, row, Role.ADMIN, archived_too=True)
    row.archived = request.archived
    return row


def remove(session: Session, identity: Identity, request: pb.DeleteRepositoryRequest) -> None:
    """Deletes a repository: its names are free, its refs gone; forks hold on to what they have."""
    row = repositories.readable(session, identity, request.owner, request.name)
    account = access.require(session, identity, row, Role.ADMIN, archived_too=True)
    discard(session, row, account)


def discard(session: Session, row: RepositoryRow, account: str) -> None:
    """Leaves a tombstone, which holds no version; pull requests into it end, also where weights are being merged."""
    for pull in pulls.open_into(session, row.id):
        pull.state, pull.closer, pull.update_time, pull.merging = pulls.CLOSED, account, now(), {}
    for table in (RefRow, HistoryRow, TransferRow):
        session.execute(delete(table).where(table.repository_id == row.id))
    repositories.forget_old_names(session, row.id)
    row.delete_time, row.name, row.protected = now(), TOMBSTONE + row.id, False
    repositories.mark_stale(session, row.id)


def offer(session: Session, identity: Identity, request: pb.OfferTransferRequest) -> TransferRow | None:
    """Offers a repository to another owner in place of an earlier offer; to nobody takes that back."""
    row = repositories.readable(session, identity, request.owner, request.name)
    account = access.require(session, identity, row, Role.ADMIN)
    if request.new_owner == row.owner:
        raise Invalid(f"{row.owner} owns it already.", hint="Name another owner.", fields={"new_owner": "owns it"})
    session.execute(delete(TransferRow).where(TransferRow.repository_id == row.id))
    if not request.new_owner:
        return None
    made = TransferRow(
        id=new_id(), repository_id=row.id, new_owner=request.new_owner, account=account, create_time=now()
    )
    session.add(made)
    session.flush()
    happened = Happened(notices.OFFERED, f"transfer:{made.id}", made.id, "is offered to you", account)
    notices.tell_only(session, row, happened, people.leaders(session, made.new_owner))
    return made


def answer(session: Session, identity: Identity, request: pb.AnswerTransferRequest) -> RepositoryRow | None:
    """Accepts an offer: the repository is the new owner's, an account that gave it keeps the role write. Or declines.

    An organisation keeps none: roles on a repository are of accounts, and its members would find what they cannot read.
    """
    account = require_account(identity)
    made = session.scalars(select(TransferRow).where(TransferRow.id == request.id)).one_or_none()
    if made is None or made not in people.transfers_to(session, account):
        raise NotFound("You have no such offer.", hint="List them: voicehub repo offers.", reason="TRANSFER_NOT_FOUND")
    row = repositories.by_id(session, made.repository_id)
    if not request.accepted:
        decline(session, made, account)
        return None
    session.delete(made)
    if access.role_of(session, Identity(made.account, "catalog"), row) < Role.ADMIN:
        raise Unprocessable(
            f"{made.account} may not give {row.owner}/{row.name} away any more.",
            hint=f"Ask {row.owner} to offer it.",
            reason="OFFER_VOID",
        )
    if not access.may_create(session, identity, made.new_owner):
        raise not_yours(made.new_owner)
    before = row.owner
    _move(session, row, made.new_owner, row.name)
    people.grant(session, row.id, made.new_owner, Role.NONE)
    if not people.is_organisation(session, before):
        people.grant(session, row.id, before, Role.WRITE)
    accepted = Happened("transfer-accepted", f"transfer-accepted:{made.id}", made.id, "has a new owner", account)
    notices.tell(session, row, accepted, [before, made.account])
    return row


def decline(session: Session, made: TransferRow, account: str) -> None:
    """Ends an offer; who made it is told."""
    row = repositories.by_id(session, made.repository_id)
    session.delete(made)
    declined = Happened("transfer-declined", f"transfer-declined:{made.id}", made.id, "was declined", account)
    notices.tell_only(session, row, declined, [made.account])


def _move(session: Session, row: RepositoryRow, owner: str, name: str) -> None:
    if (owner, name) == (row.owner, row.name):
        return
    if repositories.named(session, owner, name) is not None:
        raise Conflict(f"{owner}/{name} exists already.", hint="Choose another name.", reason="NAME_TAKEN")
    repositories.free_old_name(session, owner, name)
    repositories.keep_old_name(session, row)
    row.owner, row.name = owner, name
    session.flush()
    repositories.mark_stale(session, row.id)
