"""What led to a version, page by page: a cursor is the front of the walk, so that a page costs what it shows.

The history of a branch has the erased versions that it fell back from, too: a tombstone keeps their place.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.catalog import paging
from services.catalog.collaboration.refs import held_lookup
from services.catalog.domain.graph import Lookup, walk
from services.catalog.domain.refs import MAIN, RefKind
from services.catalog.store import history
from services.catalog.store import refs as names
from services.catalog.store.tables import HistoryRow, RefRow, RepositoryRow, VersionRow
from services.stubs.voicehub.common.v1 import common_pb2

KIND = "history"
MAX_FRONT = 64
"""Versions that may wait for the next page at once: as many branches may run side by side in a history."""


def page_of(
    session: Session, repository: RepositoryRow, ref: str, asked: common_pb2.PageRequest
) -> tuple[Sequence[VersionRow], str]:
    """A page of the history of `ref`, newest first, and the cursor of the next; Invalid for a foreign cursor."""
    size = paging.page_size(asked.size)
    front = _front(session, repository, asked.cursor) or _heads(session, repository, ref)
    lookup = history.lookup(session)
    shown, rest = _split(lookup, front, size)
    rows = {row.id: row for row in session.scalars(select(VersionRow).where(VersionRow.id.in_(shown)))}
    cursor = paging.encode(KIND, ",".join(rest)) if rest else ""
    return [rows[version] for version in shown], cursor


def _split(lookup: Lookup, front: Sequence[str], size: int) -> tuple[list[str], list[str]]:
    """The first `size` versions of the walk, and what waits after them."""
    shown: list[str] = []
    waiting = dict.fromkeys(front)
    for node in walk(lookup, front):
        if len(shown) == size:
            break
        shown.append(node.id)
        waiting.pop(node.id, None)
        waiting.update(dict.fromkeys(node.parents))
    return shown, list(waiting)[:MAX_FRONT]


def _heads(session: Session, repository: RepositoryRow, ref: str) -> list[str]:
    """Where the history of a ref begins: at its tip, and at the tombstones of a branch that the tip did not need."""
    row = session.get(RefRow, (repository.id, ref or MAIN))
    branch = row is not None and row.kind == RefKind.BRANCH
    erased = history.erased_of(session, repository.id, ref or MAIN, MAX_FRONT // 2) if branch else []
    if erased and not names.tip_of(row):
        return erased
    return list(dict.fromkeys([held_lookup(session, repository, ref).id, *erased]))


def _front(session: Session, repository: RepositoryRow, cursor: str) -> list[str]:
    """The versions of a cursor: only such as the repository holds, whatever a caller made up."""
    if not cursor:
        return []
    front = set(str(paging.decode(KIND, cursor)).split(","))
    if len(front) > MAX_FRONT:
        raise paging.bad_cursor()
    query = select(VersionRow.id).join(HistoryRow, HistoryRow.sequence == VersionRow.sequence)
    found = list(
        session.scalars(query.where(HistoryRow.repository_id == repository.id, VersionRow.id.in_(front)))
    )
    if len(found) != len(front):
        raise paging.bad_cursor()
    return found
