"""The version graph in the tables: which versions a repository holds, and what led to a version."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.catalog.domain.graph import Lookup, Node
from services.catalog.store.tables import HistoryRow, RepositoryRow, VersionRow


def lookup(session: Session) -> Lookup:
    """Reads nodes of the graph; each once."""
    known: dict[str, Node] = {}

    def read(version: str) -> Node:
        if version not in known:
            query = select(VersionRow.id, VersionRow.sequence, VersionRow.parents).where(VersionRow.id == version)
            row = session.execute(query).one_or_none()
            if row is None:
                raise KeyError(version)
            known[version] = Node(row.id, row.sequence, tuple(row.parents))
        return known[version]

    return read


def hold(session: Session, repository_id: str, sequences: Iterable[int], pull: int = 0) -> None:
    """The repository holds these versions from now on; those it holds for itself stay so."""
    wanted = set(sequences)
    query = select(HistoryRow).where(HistoryRow.repository_id == repository_id, HistoryRow.sequence.in_(wanted))
    for row in session.scalars(query):
        wanted.discard(row.sequence)
        row.pull = row.pull if pull else 0
    session.add_all(HistoryRow(repository_id=repository_id, sequence=one, pull=pull) for one in sorted(wanted))
    session.flush()


def holds(session: Session, repository: RepositoryRow, version: VersionRow) -> bool:
    """Whether the version can be read in the repository."""
    return session.get(HistoryRow, (repository.id, version.sequence)) is not None
