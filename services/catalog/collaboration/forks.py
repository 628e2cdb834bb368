"""Forks: a new repository at the same version; no object is copied, only which versions it holds is written down."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from services.catalog import events
from services.catalog.collaboration.refs import point
from services.catalog.domain.bounds import Terms, narrowest
from services.catalog.domain.forks import diverged, no_upstream, would_show_brought, would_show_private
from services.catalog.domain.graph import compare, walk
from services.catalog.domain.names import check_repository
from services.catalog.domain.refs import MAIN, RefKind, check_ref, is_protected, not_published, tag_stays
from services.catalog.domain.road import State
from services.catalog.domain.roles import Role, not_yours
from services.catalog.domain.visibility import Visibility, require_account
from services.catalog.messages import visibility_from
from services.catalog.store import access, history, pulls, refs, repositories, versions
from services.catalog.store.tables import RefRow, RepositoryRow
from services.common.errors import Conflict
from services.common.identity import Identity
from services.stubs.voicehub.catalog.v1 import catalog_pb2
from services.stubs.voicehub.catalog.v1 import forks_pb2 as pb


def fork(session: Session, identity: Identity, request: pb.ForkRepositoryRequest) -> RepositoryRow:
    """A repository that begins where the upstream is; a fork of something private is private."""
    account = require_account(identity)
    source = repositories.readable(session, identity, request.owner, request.name)
    version = versions.resolve(session, source, request.ref)
    if version.state != State.PUBLISHED:
        raise not_published(version.id)
    owner, name = request.new_owner or account, request.new_name or source.name
    check_repository(owner, name)
    if not access.may_create(session, identity, owner):
        raise not_yours(owner)
    if repositories.named(session, owner, name) is not None:
        raise Conflict(
            f"{owner}/{name} exists already.",
            hint="Give the fork another name: voicehub fork VOICE --into OWNER/NAME. "
            f"To bring a fork up to date: voicehub sync {owner}/{name}.",
            reason="NAME_TAKEN",
        )
    row = repositories.create(session, owner, name, _visibility(source, request.visibility))
    row.upstream_id, row.family_id = source.id, source.family_id or source.id
    history.hold(session, row.id, [node.sequence for node in walk(history.lookup(session), [version.id])])
    point(session, row, refs.put(session, row, MAIN, RefKind.BRANCH, account), version)
    events.forked(session, source, row, version, account)
    return row


def sync(session: Session, identity: Identity, request: pb.SyncForkRequest) -> tuple[RefRow, bool]:
    """Moves a branch forward to what the upstream has by the same name; whether it moved."""
    row = repositories.readable(session, identity, request.owner, request.name)
    account = access.require(session, identity, row, Role.WRITE)
    full_name, ref = f"{row.owner}/{row.name}", check_ref(request.ref or MAIN)
    upstream = upstream_of(session, identity, row)
    if upstream is None:
        raise no_upstream(full_name)
    if upstream.visibility != row.visibility and row.visibility == Visibility.PUBLIC.value:
        raise would_show_private(full_name)
    theirs = versions.resolve(session, upstream, ref)
    ours = session.get(RefRow, (row.id, ref))
    if ours is not None and ours.kind == RefKind.TAG:
        raise tag_stays(full_name, ref)
    tip = refs.tip_of(ours)
    found = compare(history.lookup(session), theirs.id, tip) if tip else None
    if found is not None and found.ahead and found.behind:
        raise diverged(full_name, ref, f"{upstream.owner}/{upstream.name}", found.ahead)
    if ours is not None and found is not None and not found.behind:
        return ours, False
    if ours is not None and ours.protection is not None:
        raise is_protected(full_name, ref)
    return point(session, row, refs.put(session, row, ref, RefKind.BRANCH, account), theirs), True


def upstream_of(session: Session, identity: Identity, row: RepositoryRow) -> RepositoryRow | None:
    """The repository that a fork was made from, if it is still there for the caller."""
    found = repositories.readable_ids(session, identity, [row.upstream_id]) if row.upstream_id else {}
    return next(iter(found.values()), None)


def check_widening(session: Session, identity: Identity, row: RepositoryRow) -> None:
    """Raises Unprocessable unless everything above and all that others pushed elsewhere is public, or the caller's.

    What was pushed to a private fork and then merged was offered by who asked for that.
    """
    above = row.upstream_id
    while above is not None:
        upstream = repositories.by_id(session, above)
        if not _may_show(session, identity, upstream):
            raise would_show_private(f"{row.owner}/{row.name}")
        above = upstream.upstream_id
    for place in pulls.brought_from(session, row.id):
        if not _may_show(session, identity, repositories.by_id(session, place)):
            raise would_show_brought(f"{row.owner}/{row.name}")


def bounds_of(session: Session, repository: RepositoryRow | None, parents: Sequence[str]) -> list[Terms]:
    """What a version made from these may not fall below: the terms of all that others pushed elsewhere."""
    found: list[Terms] = []
    for parent in parents:
        row = versions.get(session, parent)
        if row is None:
            continue
        found += [Terms.of(bound) for bound in row.bounds]
        if repository is None or row.repository_id != repository.id:
            found.append(Terms.of(row.declaration))
    return narrowest(found)


def _may_show(session: Session, identity: Identity, row: RepositoryRow) -> bool:
    """Whether it is public, or the caller's to make so; or was, until it was deleted."""
    if row.visibility == Visibility.PUBLIC.value or access.role_of(session, identity, row) is Role.ADMIN:
        return True
    led = row.owner == identity.account or access.member_role(session, row.owner, identity.account) is Role.ADMIN
    return row.delete_time is not None and led


def _visibility(source: RepositoryRow, asked: catalog_pb2.Visibility.ValueType) -> Visibility:
    own = Visibility(source.visibility)
    if asked == catalog_pb2.VISIBILITY_UNSPECIFIED or own is Visibility.PRIVATE:
        return own
    return visibility_from(asked)
