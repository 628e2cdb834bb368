"""Refs: queries, and how they follow the road of the versions pushed to them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from services.catalog.domain.graph import Lookup, is_ancestor, nearest
from services.catalog.domain.refs import RefKind, Tip, moved
from services.catalog.domain.road import REFUSED, State
from services.catalog.store.history import lookup
from services.catalog.store.pull_tables import PullRequestRow
from services.catalog.store.pulls import MERGED
from services.catalog.store.tables import RefRow, RepositoryRow, VersionRow
from services.common.clock import now
from services.common.errors import NotFound


@dataclass(frozen=True)
class Fallen:
    """A ref that lost its version: the id of the one that it names now, empty if there is none; or it is gone."""

    repository_id: str
    ref: str
    version: str
    deleted: bool = False


def get(session: Session, repository: RepositoryRow, name: str) -> RefRow:
    """The ref; NotFound."""
    row = session.get(RefRow, (repository.id, name))
    if row is None:
        raise NotFound(
            f"{repository.owner}/{repository.name} has no ref {name[:64]!r}.",
            hint="List its refs: voicehub refs.",
            reason="REF_NOT_FOUND",
        )
    return row


def page_of(session: Session, repository: RepositoryRow, after: str, size: int) -> Sequence[RefRow]:
    """Up to `size + 1` refs by name."""
    query = select(RefRow).where(RefRow.repository_id == repository.id, RefRow.name > after)
    return session.scalars(query.order_by(RefRow.name).limit(size + 1)).all()


def tip_of(row: RefRow | None) -> str:
    """Id of the version that the next push to the ref stands on; empty if there is none."""
    return (row.tip or row.version_id or "") if row is not None else ""


def check_unmoved(session: Session, repository: RepositoryRow, name: str, row: RefRow | None, expected: str) -> None:
    """Raises Conflict, with what changed, unless the ref still has the tip that the caller saw."""
    tip = tip_of(row)
    if tip == expected:
        return
    found = session.scalars(select(VersionRow).where(VersionRow.id == tip)).one_or_none()
    seen = Tip(found.id, found.author, found.message, found.create_time) if found is not None else None
    raise moved(f"{repository.owner}/{repository.name}", name, seen, expected)


def put(session: Session, repository: RepositoryRow, name: str, kind: RefKind, account: str) -> RefRow:
    """The ref, made if it is not there, with who changes it noted."""
    row = session.get(RefRow, (repository.id, name))
    if row is None:
        row = RefRow(repository_id=repository.id, name=name, kind=kind.value, version_id=None, tip=None)
        session.add(row)
    row.update_time, row.updater = now(), account
    session.flush()
    return row


def forward(session: Session, version: VersionRow) -> list[str]:
    """Moves the branch that a version was pushed to, now that it is published; answers ids of changed repositories.

    A branch that names a version which this one was not made from stays: somebody pushed later and was published
    sooner. So does one whose tip was not made from this one: it was moved by hand meanwhile, or made anew.
    """
    row = session.get(RefRow, (version.repository_id, version.ref))
    if row is None or row.kind == RefKind.TAG:
        return []
    row.tip = row.tip or version.id
    read = lookup(session)
    leads_on = row.version_id is None or is_ancestor(read, row.version_id, version.id)
    if row.tip == version.id or (leads_on and is_ancestor(read, version.id, row.tip)):
        row.version_id = version.id
    return [version.repository_id]


def withdraw(session: Session, version: VersionRow) -> list[Fallen]:
    """Takes a version that is quarantined or erased off all refs; answers which they were.

    A branch falls back to the nearest version that led to it: its tip to one that is neither, what people read
    to a published one. Where sides were merged, to the one that has what the branch had before. A tag of it is gone.
    """
    named = or_(RefRow.version_id == version.id, RefRow.tip == version.id)
    changed = []
    for row in session.scalars(select(RefRow).where(named).order_by(RefRow.repository_id, RefRow.name)).all():
        if row.kind == RefKind.TAG:
            changed.append(Fallen(row.repository_id, row.name, "", deleted=True))
            session.delete(row)
            continue
        if row.tip == version.id:
            row.tip = _earlier(session, row, version, [s for s in State if s not in REFUSED])
        if row.version_id == version.id:
            row.version_id = _earlier(session, row, version, [State.PUBLISHED])
        changed.append(Fallen(row.repository_id, row.name, row.version_id or ""))
    return changed


def _earlier(session: Session, row: RefRow, version: VersionRow, states: Sequence[State]) -> str | None:
    """The ancestor in one of the states to which the branch falls back."""
    read = lookup(session)

    def fits(one: str) -> bool:
        return State(session.scalars(select(VersionRow.state).where(VersionRow.id == one)).one()) in states

    found = nearest(read, version.parents, fits)
    return _continued(session, row, read, found) if len(found) > 1 else next(iter(found), None)


def _continued(session: Session, row: RefRow, read: Lookup, found: Sequence[str]) -> str:
    """Of versions none of which led to another the one that holds the newest that the branch had; else the newest."""
    for before in had(session, row.repository_id, row.name):
        holding = [one for one in found if is_ancestor(read, before, one)]
        if holding:
            return holding[0]
    return found[0]


def had(session: Session, repository_id: str, name: str) -> list[str]:
    """What a branch had, newest first: what was pushed to it, and what pull requests found there.

    It is known of a branch that was taken away, too.
    """
    pushed = select(VersionRow.create_time, VersionRow.id).where(
        VersionRow.repository_id == repository_id, VersionRow.ref == name
    )
    merged = select(PullRequestRow.update_time, PullRequestRow.base_version).where(
        PullRequestRow.repository_id == repository_id,
        PullRequestRow.base_ref == name,
        PullRequestRow.state == MERGED,
    )
    times = [(time, version) for query in (pushed, merged) for time, version in session.execute(query)]
    return [version for _, version in sorted(times, reverse=True)]
