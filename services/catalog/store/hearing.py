"""What decides whether a voice can be heard, in one statement: every synthesis asks for it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from sqlalchemy import Select, and_, bindparam, select
from sqlalchemy.orm import Session

from services.catalog.domain.names import is_version_id
from services.catalog.domain.refs import MAIN
from services.catalog.store import access, repositories, versions
from services.catalog.store.tables import HistoryRow, RefRow, RepositoryRow, VersionRow
from services.common.identity import Identity


@dataclass(frozen=True)
class Audible:
    """A version in brief."""

    version_id: str
    owner: str
    name: str
    state: str
    not_auditionable: str


def find(session: Session, identity: Identity, owner: str, name: str, ref: str) -> Audible:
    """The version that `ref` names, for who may read it; NotFound, and what rarely happens, as `versions.resolve`."""
    statement = _statement(identity, by_id=is_version_id(ref))
    row = session.execute(statement, {"owner": owner, "name": name, "ref": ref or MAIN}).first()
    if row is not None:
        return Audible(row.id, row.owner, row.name, row.state, row.not_auditionable)
    repository = repositories.readable(session, identity, owner, name)
    version = versions.resolve(session, repository, ref)
    return Audible(version.id, repository.owner, repository.name, version.state, version.not_auditionable)


@lru_cache(maxsize=256)
def _statement(identity: Identity, *, by_id: bool) -> Select[str, str, str, str, str]:
    """Building it costs more than running it; whoever hears one voice often hears another."""
    found = (
        select(VersionRow.id, RepositoryRow.owner, RepositoryRow.name, VersionRow.state, VersionRow.not_auditionable)
        .join(HistoryRow, HistoryRow.sequence == VersionRow.sequence)
        .join(RepositoryRow, RepositoryRow.id == HistoryRow.repository_id)
        .where(RepositoryRow.owner == bindparam("owner"), RepositoryRow.name == bindparam("name"))
        .where(access.visible_to(identity))
    )
    if by_id:
        return found.where(VersionRow.id == bindparam("ref"))
    at = and_(RefRow.repository_id == RepositoryRow.id, RefRow.version_id == VersionRow.id)
    return found.join(RefRow, at).where(RefRow.name == bindparam("ref"))
