"""Repositories as a caller sees them."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.orm import Session

from services.catalog import messages
from services.catalog.store import access, repositories
from services.catalog.store.tables import RepositoryRow
from services.common.identity import Identity
from services.stubs.voicehub.catalog.v1 import catalog_pb2 as pb


def shown(session: Session, identity: Identity, rows: Sequence[RepositoryRow]) -> list[pb.Repository]:
    """The messages of rows that the caller may read, in order."""
    session.flush()  # so that a star or a row of this transaction is counted
    ids = [row.id for row in rows]
    heads, starred = repositories.heads(session, ids), repositories.starred(session, identity.account, ids)
    roles = access.roles_of(session, identity, rows)
    upstreams = repositories.readable_ids(session, identity, [row.upstream_id for row in rows if row.upstream_id])
    counts = repositories.public_forks(session, ids)
    found = []
    for row in rows:
        made = messages.repository(row, heads.get(row.id, ""), row.id in starred)
        made.role = "" if identity.is_service else roles[row.id].name.lower()
        made.forks = counts.get(row.id, 0)
        upstream = upstreams.get(row.upstream_id or "")
        if upstream is not None:
            made.upstream_owner, made.upstream_name = upstream.owner, upstream.name
        found.append(made)
    return found
