"""Where voices come from: the versions and repositories of a family, and what they stand on.

Only what the caller may see is in it: an edge has both its ends in the graph, so that nothing points at what is hidden.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from services.catalog.domain.graph import Node, walk
from services.catalog.domain.road import State
from services.catalog.domain.visibility import Visibility
from services.catalog.store import access, history, repositories
from services.catalog.store.tables import RefRow, RepositoryRow, VersionRow
from services.common.clock import to_timestamp
from services.common.identity import Identity
from services.stubs.voicehub.catalog.v1 import forks_pb2 as pb

MOST_REPOSITORIES = 100
MOST_VERSIONS = 300
DISTILLED = "x-distilled-from"
"""The card's key for the id of the version that a light voice was distilled from."""


def lineage(session: Session, identity: Identity, owner: str, name: str) -> pb.GetLineageResponse:
    """The family of a repository."""
    row = repositories.readable(session, identity, owner, name)
    family = _family(session, identity, row)
    alive = [one for one in family if one.delete_time is None]
    named = _named(session, alive)
    heads = [*named, *history.erased_in(session, [one.id for one in alive])]
    nodes = list(_until(walk(history.lookup(session), heads), MOST_VERSIONS + 1))
    query = select(VersionRow).where(VersionRow.id.in_(nodes[:MOST_VERSIONS])).order_by(VersionRow.sequence.desc())
    shown = session.scalars(query).all()
    answer = pb.GetLineageResponse(truncated=len(nodes) > MOST_VERSIONS)
    answer.nodes.extend(_repository(one) for one in family)
    answer.nodes.extend(_version(one, named.get(one.id, [])) for one in shown)
    answer.nodes.extend(pb.LineageNode(id=base, kind=pb.LINEAGE_KIND_BASE) for base in _bases(shown))
    known = {node.id for node in answer.nodes}
    edges = [edge for one in family for edge in _forked(one)] + [edge for one in shown for edge in _made(one)]
    answer.edges.extend(edge for edge in edges if {edge.child, edge.parent} <= known)
    return answer


def _family(session: Session, identity: Identity, row: RepositoryRow) -> Sequence[RepositoryRow]:
    """The repositories of the family that the caller may see, and tombstones of public ones; oldest first."""
    root = row.family_id or row.id
    gone = (RepositoryRow.delete_time.is_not(None)) & (RepositoryRow.visibility == Visibility.PUBLIC.value)
    query = select(RepositoryRow).where(or_(RepositoryRow.family_id == root, RepositoryRow.id == root))
    query = query.where(or_(access.visible_to(identity), gone)).order_by(RepositoryRow.sequence)
    return session.scalars(query.limit(MOST_REPOSITORIES)).all()


def _named(session: Session, family: Sequence[RepositoryRow]) -> dict[str, list[str]]:
    """`owner/name@ref` of everything that a ref of the family names, by version id."""
    names = {one.id: f"{one.owner}/{one.name}" for one in family}
    query = select(RefRow).where(RefRow.repository_id.in_(names), RefRow.version_id.is_not(None))
    found: dict[str, list[str]] = {}
    for ref in session.scalars(query.order_by(RefRow.repository_id, RefRow.name)):
        found.setdefault(str(ref.version_id), []).append(f"{names[ref.repository_id]}@{ref.name}")
    return found


def _until(nodes: Iterable[Node], most: int) -> Iterable[str]:
    for number, node in enumerate(nodes):
        if number == most:
            return
        yield node.id


def _repository(row: RepositoryRow) -> pb.LineageNode:
    if row.delete_time is not None:
        return pb.LineageNode(id=row.id, kind=pb.LINEAGE_KIND_TOMBSTONE, create_time=to_timestamp(row.create_time))
    return pb.LineageNode(
        id=row.id,
        kind=pb.LINEAGE_KIND_REPOSITORY,
        owner=row.owner,
        name=row.name,
        create_time=to_timestamp(row.create_time),
    )


def _version(row: VersionRow, refs: Sequence[str]) -> pb.LineageNode:
    return pb.LineageNode(
        id=row.id,
        kind=pb.LINEAGE_KIND_VERSION,
        author=row.author,
        message=row.message,
        create_time=to_timestamp(row.create_time),
        refs=refs,
        erased=row.state == State.ERASED,
    )


def _bases(rows: Iterable[VersionRow]) -> list[str]:
    return list(dict.fromkeys(digest for row in rows for digest in _stands_on(row)))


def _stands_on(row: VersionRow) -> list[str]:
    """The content encoder, by digest; one that is only claimed (`unverified:`) is no base that is known."""
    encoder = str(row.requires.get("content_encoder", ""))
    return [encoder] if encoder and not encoder.startswith("unverified:") else []


def _forked(row: RepositoryRow) -> list[pb.LineageEdge]:
    upstream = row.upstream_id
    return [pb.LineageEdge(child=row.id, parent=upstream, kind=pb.LINEAGE_EDGE_KIND_FORK)] if upstream else []


def _made(row: VersionRow) -> list[pb.LineageEdge]:
    kinds = [pb.LINEAGE_EDGE_KIND_PARENT] + [pb.LINEAGE_EDGE_KIND_MERGE] * (len(row.parents) - 1)
    edges = [pb.LineageEdge(child=row.id, parent=p, kind=kind) for p, kind in zip(row.parents, kinds, strict=False)]
    edges += [pb.LineageEdge(child=row.id, parent=b, kind=pb.LINEAGE_EDGE_KIND_BASE) for b in _stands_on(row)]
    distilled = str(row.card.get(DISTILLED, ""))
    if distilled:
        edges.append(pb.LineageEdge(child=row.id, parent=distilled, kind=pb.LINEAGE_EDGE_KIND_DISTILLED))
    origin = pb.LineageEdge(child=row.id, parent=row.repository_id, kind=pb.LINEAGE_EDGE_KIND_ORIGIN)
    return [*edges, origin]
