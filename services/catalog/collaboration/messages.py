"""From rows to the messages of the collaboration contracts."""

from __future__ import annotations

from sqlalchemy.orm import Session

from services.catalog.domain.refs import RefKind
from services.catalog.domain.roles import Role
from services.catalog.store import refs, repositories
from services.catalog.store.access_tables import OrganisationRow, TransferRow
from services.catalog.store.tables import RefRow
from services.common.clock import to_timestamp
from services.stubs.voicehub.catalog.v1 import access_pb2, refs_pb2

_KINDS = {
    RefKind.BRANCH: refs_pb2.REF_KIND_BRANCH,
    RefKind.TAG: refs_pb2.REF_KIND_TAG,
    RefKind.PULL: refs_pb2.REF_KIND_PULL,
}


def ref(row: RefRow) -> refs_pb2.Ref:
    """A ref."""
    return refs_pb2.Ref(
        name=row.name,
        kind=_KINDS[RefKind(row.kind)],
        version=row.version_id or "",
        tip=refs.tip_of(row),
        protected=row.protection is not None,
        protection=refs_pb2.Protection(**row.protection) if row.protection is not None else None,
        update_time=to_timestamp(row.update_time),
        updater=row.updater,
    )


def grant(account: str, role: int) -> access_pb2.Grant:
    """An account and its role."""
    return access_pb2.Grant(account=account, role=Role(role).name.lower())


def organisation(row: OrganisationRow, role: Role) -> access_pb2.Organisation:
    """An organisation, with the caller's role."""
    return access_pb2.Organisation(name=row.name, create_time=to_timestamp(row.create_time), role=role.name.lower())


def transfer(session: Session, row: TransferRow) -> access_pb2.Transfer:
    """An offer, with the name of what is offered: who is offered it may know that."""
    repository = repositories.by_id(session, row.repository_id)
    return access_pb2.Transfer(
        id=row.id,
        owner=repository.owner,
        name=repository.name,
        new_owner=row.new_owner,
        by=row.account,
        create_time=to_timestamp(row.create_time),
    )
