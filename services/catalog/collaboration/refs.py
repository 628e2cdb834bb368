"""Moving names: every change says what it saw, and is refused when that is not so any more."""

from __future__ import annotations

from sqlalchemy.orm import Session

from services.catalog.collaboration import following
from services.catalog.domain.graph import is_ancestor
from services.catalog.domain.refs import RefKind, check_ref, is_protected, left_behind, not_published, tag_stays
from services.catalog.domain.road import State
from services.catalog.domain.roles import Role
from services.catalog.store import access, history, refs, repositories, versions
from services.catalog.store.tables import RefRow, RepositoryRow, VersionRow
from services.common.errors import Invalid
from services.common.identity import Identity
from services.stubs.voicehub.catalog.v1 import refs_pb2 as pb

_KINDS = {
    pb.REF_KIND_UNSPECIFIED: RefKind.BRANCH,
    pb.REF_KIND_BRANCH: RefKind.BRANCH,
    pb.REF_KIND_TAG: RefKind.TAG,
}
MAX_APPROVALS = 10


def set_ref(session: Session, identity: Identity, request: pb.SetRefRequest) -> RefRow:
    """Makes or moves a ref; Conflict when it is not where the caller saw it, or would leave versions behind."""
    repository = repositories.readable(session, identity, request.owner, request.name)
    account = access.require(session, identity, repository, Role.MAINTAIN if request.force else Role.WRITE)
    name = check_ref(request.ref)
    row = session.get(RefRow, (repository.id, name))
    refs.check_unmoved(session, repository, name, row, request.expected)
    version = versions.resolve(session, repository, request.version)
    if version.state != State.PUBLISHED:
        raise not_published(version.id)
    if row is not None:
        _check_move(session, repository, row, version, force=request.force)
    made = refs.put(session, repository, name, _kind(request.kind), account)
    return point(session, repository, made, version)


def point(session: Session, repository: RepositoryRow, row: RefRow, version: VersionRow) -> RefRow:
    """Lets a ref name a published version, for readers and for the next push; the repository holds what led to it."""
    history.adopt(session, repository.id, version.id)
    row.version_id = row.tip = version.id
    repositories.mark_stale(session, repository.id)
    session.flush()
    following.moved(session, repository.id, row.name, version)
    return row


def delete_ref(session: Session, identity: Identity, request: pb.DeleteRefRequest) -> None:
    """Takes a name away; its versions stay readable by their ids."""
    repository = repositories.readable(session, identity, request.owner, request.name)
    access.require(session, identity, repository, Role.WRITE)
    row = refs.get(session, repository, check_ref(request.ref))
    refs.check_unmoved(session, repository, row.name, row, request.expected)
    if row.protection is not None:
        raise is_protected(f"{repository.owner}/{repository.name}", row.name)
    session.delete(row)
    repositories.mark_stale(session, repository.id)


def protect_ref(session: Session, identity: Identity, request: pb.ProtectRefRequest) -> RefRow:
    """Lets a ref move by pull requests only, or lifts that; needs the role maintain."""
    repository = repositories.readable(session, identity, request.owner, request.name)
    access.require(session, identity, repository, Role.MAINTAIN)
    row = refs.get(session, repository, check_ref(request.ref))
    row.protection = _protection(request.protection) if request.protected else None
    return row


def held_lookup(session: Session, repository: RepositoryRow, ref: str) -> VersionRow:
    """The version that a ref or id means for who looks at history: of a branch its tip."""
    row = session.get(RefRow, (repository.id, ref)) if ref else None
    return versions.resolve(session, repository, refs.tip_of(row) or ref)


def _check_move(session: Session, repository: RepositoryRow, row: RefRow, version: VersionRow, *, force: bool) -> None:
    full_name = f"{repository.owner}/{repository.name}"
    if row.kind == RefKind.TAG:
        raise tag_stays(full_name, row.name)
    if row.protection is not None:
        raise is_protected(full_name, row.name)
    tip = refs.tip_of(row)
    if not force and tip and not is_ancestor(history.lookup(session), tip, version.id):
        raise left_behind(full_name, row.name)


def _kind(kind: pb.RefKind.ValueType) -> RefKind:
    if kind not in _KINDS:
        raise Invalid("This kind of ref cannot be made.", hint="Make a branch or a tag.", fields={"kind": "unknown"})
    return _KINDS[kind]


def _protection(asked: pb.Protection) -> dict[str, float]:
    values = {"similarity_drop": asked.similarity_drop, "intelligibility_drop": asked.intelligibility_drop}
    if not 0 <= asked.approvals <= MAX_APPROVALS or not all(0 <= value <= 1 for value in values.values()):
        raise Invalid(
            "These rules cannot be kept.", hint=f"Ask for 0 to {MAX_APPROVALS} approvals and for limits within 0 to 1."
        )
    return {"approvals": asked.approvals, **values}
