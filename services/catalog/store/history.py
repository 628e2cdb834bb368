"""The version graph in the tables: which versions a repository holds, and what led to a version."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import ColumnElement, Select, delete, or_, select
from sqlalchemy.orm import Session

from services.catalog.domain.graph import Lookup, Node, nearest
from services.catalog.domain.refs import MAIN
from services.catalog.domain.road import State
from services.catalog.store.pull_tables import PullRequestRow
from services.catalog.store.pulls import MERGED
from services.catalog.store.tables import HistoryRow, RepositoryRow, VersionRow

WINDOW = 256
"""Versions that are read at once on a long walk."""


def lookup(session: Session) -> Lookup:
    """Reads nodes of the graph, each once; on a long walk the older ones of a repository are read along."""
    known: dict[str, Node] = {}
    window = 1

    def read(version: str) -> Node:
        nonlocal window
        if version not in known:
            known.update(_older(session, version, window))
            window = min(window * 2, WINDOW)
        return known[version]

    return read


def _older(session: Session, version: str, window: int) -> dict[str, Node]:
    """A version and up to `window - 1` that were pushed to its repository before it; KeyError if it is not there."""
    where = session.execute(
        select(VersionRow.repository_id, VersionRow.sequence).where(VersionRow.id == version)
    ).one_or_none()
    if where is None:
        raise KeyError(version)
    query = select(VersionRow.id, VersionRow.sequence, VersionRow.parents).where(
        VersionRow.repository_id == where.repository_id, VersionRow.sequence <= where.sequence
    )
    rows = session.execute(query.order_by(VersionRow.sequence.desc()).limit(window))
    return {row.id: Node(row.id, row.sequence, tuple(row.parents)) for row in rows}


def hold(session: Session, repository_id: str, sequences: Iterable[int], pull: int = 0) -> None:
    """A repository that holds none of these versions does from now on."""
    session.add_all(HistoryRow(repository_id=repository_id, sequence=one, pull=pull) for one in sequences)
    session.flush()


def adopt(session: Session, repository_id: str, version: str, pull: int = 0) -> None:
    """The repository holds a version and all that led to it: for itself, or for a pull request until it is merged.

    What leads to a version that it holds for itself is held so already: the walk ends there. Of what is held for a
    pull request only that is known which led to its head.
    """
    read = lookup(session)
    waiting, seen = [version], {version}
    while waiting:
        node = read(waiting.pop())
        row = session.get(HistoryRow, (repository_id, node.sequence))
        if row is None:
            session.add(HistoryRow(repository_id=repository_id, sequence=node.sequence, pull=pull))
        elif not row.pull:
            continue
        elif not pull:
            row.pull = 0
        waiting += [parent for parent in node.parents if parent not in seen]
        seen.update(node.parents)
    session.flush()


def let_go(session: Session, repository_id: str, pull: int) -> None:
    """The repository holds no longer what a pull request brought."""
    brought = (HistoryRow.repository_id == repository_id) & (HistoryRow.pull == pull)
    session.execute(delete(HistoryRow).where(brought))


def erased_of(session: Session, repository_id: str, branch: str, most: int) -> list[str]:
    """Up to `most` erased versions that a branch had, and that led to no other such; newest first.

    What was pushed to it or merged into it; in a fork `main` began at what was pushed elsewhere, to whatever branch.
    """
    merged = select(PullRequestRow.head_version).where(
        PullRequestRow.repository_id == repository_id,
        PullRequestRow.base_ref == branch,
        PullRequestRow.state == MERGED,
    )
    had = or_(VersionRow.ref == branch, VersionRow.id.in_(merged))
    if branch == MAIN:
        had = or_(had, VersionRow.repository_id != repository_id)
    return nearest(lookup(session), erased_in(session, [repository_id], had), lambda _: True)[:most]


def erased_in(session: Session, repository_ids: Sequence[str], *more: ColumnElement[bool]) -> list[str]:
    """The erased versions that repositories hold for themselves and to which `more` applies, newest first."""
    query = select(VersionRow.id).join(HistoryRow, HistoryRow.sequence == VersionRow.sequence).distinct()
    held = (HistoryRow.repository_id.in_(repository_ids)) & (HistoryRow.pull == 0)
    query = query.where(held, VersionRow.state == State.ERASED.value, *more)
    return list(session.scalars(query.order_by(VersionRow.sequence.desc())))


def held(session: Session, repository_id: str) -> Sequence[str]:
    """The versions that a repository holds for itself, and those that were made in it for its pull requests."""
    return session.scalars(_held(repository_id)).all()


def held_alone(session: Session, repository_id: str) -> Sequence[str]:
    """Those of `held` that no other repository holds for itself which is neither deleted nor taken down."""
    stays = RepositoryRow.delete_time.is_(None) & ~RepositoryRow.taken_down & (RepositoryRow.id != repository_id)
    elsewhere = select(HistoryRow.sequence).join(RepositoryRow, RepositoryRow.id == HistoryRow.repository_id)
    kept = elsewhere.where(HistoryRow.pull == 0, stays)
    return session.scalars(_held(repository_id).where(VersionRow.sequence.not_in(kept))).all()


def _held(repository_id: str) -> Select[str]:
    own = (HistoryRow.pull == 0) | (VersionRow.repository_id == repository_id)
    query = select(VersionRow.id).join(HistoryRow, HistoryRow.sequence == VersionRow.sequence)
    return query.where(HistoryRow.repository_id == repository_id, own).order_by(VersionRow.sequence)


def holds(session: Session, repository: RepositoryRow, version: VersionRow) -> bool:
    """Whether the version can be read in the repository."""
    return session.get(HistoryRow, (repository.id, version.sequence)) is not None
