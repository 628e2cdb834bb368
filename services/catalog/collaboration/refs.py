"""Moving names: every change says what it saw, and is refused when that is not so any more."""

from __future__ import annotations

from sqlalchemy.orm import Session

from services.catalog.collaboration import following
from services.catalog.community import notices
from services.catalog.community.notices import Happened
from services.catalog.domain.graph import is_ancestor
from services.catalog.domain.refs import (
    MAIN,
    RefKind,
    check_ref,
    comes_back_behind,
    is_branch,
    is_protected,
    left_behind,
    main_stays,
    not_published,
    tag_stays,
)
from services.catalog.domain.road import REFUSED, State
from services.catalog.domain.roles import Role
from services.catalog.store import access, history, refs, repositories, versions
from services.catalog.store.tables import RefRow, RepositoryRow, VersionRow
from services.common.errors import Invalid
from services.common.identity import Identity
from services.common.ids import new_id
from services.stubs.voicehub.catalog.v1 import refs_pb2 as pb

_KINDS = {
    pb.REF_KIND_UNSPECIFIED: RefKind.BRANCH,
    pb.REF_KIND_BRANCH: RefKind.BRANCH,
    pb.REF_KIND_TAG: RefKind.TAG,
}
MAX_APPROVALS = 10


def set_ref(session: Session, identity: Identity, request: pb.SetRefRequest) -> RefRow:
    """Makes or moves a ref; Conflict when it is not where the caller saw it, or would leave versions behind.

    A branch that was deleted leaves nothing behind either when it is made anew: that is a move in two steps.
    """
    repository = repositories.readable(session, identity, request.owner, request.name)
    account = access.require(session, identity, repository, Role.MAINTAIN if request.force else Role.WRITE)
    name = check_ref(request.ref)
    row = session.get(RefRow, (repository.id, name))
    kind = _kind(request.kind)
    _check_kind(repository, row, kind)
    refs.check_unmoved(session, repository, name, row, request.expected)
    version = versions.resolve(session, repository, request.version)
    if version.state != State.PUBLISHED:
        raise not_published(version.id)
    if row is not None:
        _check_move(session, repository, row, version, account, force=request.force)
    elif kind is RefKind.BRANCH and not request.force:
        _check_anew(session, repository, name, version)
    return point(session, repository, refs.put(session, repository, name, kind, account), version)


def point(session: Session, repository: RepositoryRow, row: RefRow, version: VersionRow) -> RefRow:
    """Lets a ref name a published version, for readers and for the next push; the repository holds what led to it."""
    history.adopt(session, repository.id, version.id)
    row.version_id = row.tip = version.id
    repositories.mark_stale(session, repository.id)
    session.flush()
    following.moved(session, repository.id, row.name, version)
    return row


def delete_ref(session: Session, identity: Identity, request: pb.DeleteRefRequest) -> None:
    """Takes a name away, but not `main`; its versions stay readable by their ids."""
    repository = repositories.readable(session, identity, request.owner, request.name)
    access.require(session, identity, repository, Role.WRITE)
    row = refs.get(session, repository, check_ref(request.ref))
    refs.check_unmoved(session, repository, row.name, row, request.expected)
    if row.protection is not None:
        raise is_protected(f"{repository.owner}/{repository.name}", row.name)
    if row.name == MAIN:
        raise main_stays(f"{repository.owner}/{repository.name}")
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


def _check_kind(repository: RepositoryRow, row: RefRow | None, kind: RefKind) -> None:
    """Raises Conflict for a tag that is there, wherever the caller saw it, and for a branch that shall be one."""
    if row is not None and row.kind == RefKind.TAG:
        raise tag_stays(f"{repository.owner}/{repository.name}", row.name)
    if row is not None and kind is RefKind.TAG:
        raise is_branch(f"{repository.owner}/{repository.name}", row.name)


def _check_move(
    session: Session, repository: RepositoryRow, row: RefRow, version: VersionRow, account: str, *, force: bool
) -> None:
    """Raises Conflict or Forbidden; who watches is told when `main` is forced to leave versions behind."""
    full_name = f"{repository.owner}/{repository.name}"
    if row.protection is not None:
        raise is_protected(full_name, row.name)
    tip = refs.tip_of(row)
    if not tip or is_ancestor(history.lookup(session), tip, version.id):
        return
    if not force:
        raise left_behind(full_name, row.name)
    if row.name == MAIN:
        told = f"{MAIN} was forced from {tip} to {version.id}."
        notices.tell(session, repository, Happened("forced-move", f"forced:{new_id()}", version.id, told, account))


def _check_anew(session: Session, repository: RepositoryRow, name: str, version: VersionRow) -> None:
    """Raises Conflict if a branch of that name had, at last, what the version was not made from."""
    found = (versions.get(session, one) for one in refs.had(session, repository.id, name))
    last = next((one for one in found if one is not None and State(one.state) not in REFUSED), None)
    if last is not None and not is_ancestor(history.lookup(session), last.id, version.id):
        raise comes_back_behind(f"{repository.owner}/{repository.name}", name)


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
