"""Answering a search: catch up, understand, look, check against the tables once more, and page.

The first page keeps the whole ranking for a while under the digest of its content; the following pages are cut from it,
so that nothing is lost or repeated while stars and voices change. A ranking that is gone (a restart, too many others)
is made anew and continued after the last voice shown.
"""

from __future__ import annotations

import hashlib
import threading
from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.catalog import messages, paging
from services.catalog.domain.speaker import LONGEST, scaled
from services.catalog.search.finding import find, planned, prepare
from services.catalog.search.forks import Collapsed, collapse
from services.catalog.search.highlight import highlights
from services.catalog.search.lexicon import LOOSE, MARK
from services.catalog.search.lexicon_data import load
from services.catalog.search.port import ORDERS, Found, Ranked, SearchIndex, Viewer
from services.catalog.search.projection import Projection
from services.catalog.search.query import Query, check_length, understand
from services.catalog.search.snapshot import records_of
from services.catalog.search.suggest import suggestions
from services.catalog.store import people, repositories, versions
from services.catalog.store.tables import RepositoryRow, VersionRow
from services.common.database import Database
from services.common.errors import Invalid
from services.common.identity import Identity
from services.stubs.voicehub.catalog.v1 import catalog_pb2 as pb

MAX_HITS = 1000
KEPT_RANKINGS = 256
MAX_SIMILAR = 50
NO_EMBEDDING = (
    "This voice has no speaker embedding: its version carries no figure `speaker_embedding`, which a hub with the "
    "trainer extra measures."
)


@dataclass(frozen=True)
class Ranking:
    """All hits of one search, for who searched."""

    viewer: Viewer
    text: str
    order: str
    found: Found


class VoiceSearch:
    """Search over published voices."""

    def __init__(self, database: Database, index: SearchIndex, projection: Projection) -> None:
        self._database, self._index, self._projection = database, index, projection
        self._lexicon = load()
        self._rankings: OrderedDict[str, Ranking] = OrderedDict()
        self._lock = threading.Lock()

    def prepare(self) -> None:
        """Reads what queries are understood by, so that the first who searches need not wait for it."""
        prepare(self._lexicon)

    def search(self, identity: Identity, request: pb.SearchVoicesRequest) -> pb.SearchVoicesResponse:
        """One page of hits; Invalid for a query that is too long or a cursor of another list."""
        query = self._understood(request.query)
        order = _order(request.order)
        size = paging.page_size(request.page.size)
        name, offset, last = _position(request.page.cursor)
        with self._projection.current():
            name, ranking = self._ranking(name, self._viewer(identity), request.query, query, order)
        found = ranking.found
        shown = Collapsed(found.hits, {}) if request.forks else collapse(found.hits)
        start = next((i + 1 for i, hit in enumerate(shown.hits) if hit.id == last), offset)
        page = shown.hits[start : start + size]
        more = start + size < len(shown.hits)
        with self._database.read() as session:
            hits = _hits(session, identity, page)
        for hit in hits:
            hit.forks = shown.forks.get(hit.repository.id, 0)
            told = (hit.description_zh, hit.description_en, *hit.tags)
            hit.highlights.extend(highlights(query, self._lexicon, told))
        return pb.SearchVoicesResponse(
            hits=hits,
            next_cursor=paging.encode("search", f"{name}:{start + size}:{page[-1].id}") if more else "",
            total=found.total,
            understood=query.understood,
            chips=[pb.Chip(key=c.key, value=c.value, without=c.without) for c in query.chips],
            facets=_counts(found),
        )

    def suggest(self, identity: Identity, request: pb.SuggestQueriesRequest) -> pb.SuggestQueriesResponse:
        """Queries that begin as what was typed; Invalid for a text that is too long."""
        self._understood(request.prefix)
        with self._projection.current():
            found = suggestions(self._index, self._lexicon, request.prefix, self._viewer(identity))
        return pb.SuggestQueriesResponse(suggestions=found)

    def similar(self, identity: Identity, request: pb.ListSimilarVoicesRequest) -> pb.ListSimilarVoicesResponse:
        """Voices that sound like one that the caller may read; NotFound for any other."""
        query = self._understood(request.query)
        size = min(paging.page_size(request.size), MAX_SIMILAR)
        with self._projection.current(), self._database.read() as session:
            row = repositories.readable(session, identity, request.owner, request.name)
            own = next(iter(records_of(session, [row.id])), None)
            if own is None or not own.embedding:
                return pb.ListSimilarVoicesResponse(unavailable=NO_EMBEDDING)
            ranked = self._alike(own.embedding, query, identity, size + 1)
            others = [one for one in ranked if one.id != row.id][:size]
            return pb.ListSimilarVoicesResponse(hits=_hits(session, identity, others))

    def by_sound(self, identity: Identity, request: pb.SearchBySoundRequest) -> pb.SearchBySoundResponse:
        """Voices that sound like an embedding; Invalid for one that is no direction."""
        query = self._understood(request.query)
        size = min(paging.page_size(request.size), MAX_SIMILAR)
        embedding = scaled(request.embedding)
        if not embedding or len(embedding) > LONGEST:
            raise Invalid("This is no speaker embedding.", hint="Send the one that the trainer measured of a clip.")
        with self._projection.current(), self._database.read() as session:
            ranked = self._alike(embedding, query, identity, size)
            return pb.SearchBySoundResponse(hits=_hits(session, identity, ranked))

    def _alike(self, embedding: Sequence[float], query: Query, identity: Identity, size: int) -> list[Ranked]:
        made = planned(self._index, self._lexicon, query)
        near = self._index.nearest(embedding, made, self._viewer(identity), size)
        return [Ranked(one.id, one.similarity) for one in near]

    def _understood(self, text: str) -> Query:
        check_length(text)
        return understand(text, self._lexicon)

    def _viewer(self, identity: Identity) -> Viewer:
        """The caller, with the organisations that it belongs to now."""
        if not identity.account:
            return Viewer()
        with self._database.read() as session:
            return Viewer(identity.account, people.groups_of(session, identity.account))

    def _ranking(self, name: str, viewer: Viewer, text: str, query: Query, order: str) -> tuple[str, Ranking]:
        with self._lock:
            kept = self._rankings.get(name)
        if kept is not None and (kept.viewer, kept.text, kept.order) == (viewer, text, order):
            return name, kept
        found = find(self._index, self._lexicon, query, viewer, MAX_HITS, order)
        ranking = Ranking(viewer, text, order, found)
        fresh = hashlib.sha256(repr(ranking).encode()).hexdigest()[:16]
        with self._lock:
            self._rankings[fresh] = ranking
            while len(self._rankings) > KEPT_RANKINGS:
                self._rankings.popitem(last=False)
        return fresh, ranking


def _order(name: str) -> str:
    if name and name not in ORDERS:
        raise Invalid(
            f"There is no order {name!r}.",
            hint=f"Use one of: {', '.join(ORDERS)}.",
            reason="UNKNOWN_ORDER",
            fields={"order": "unknown"},
        )
    return name or ORDERS[0]


def _counts(found: Found) -> list[pb.FacetCount]:
    """The counts by what one types: a voice that has a value only by containment counts for it.

    One whose prose only suggests a value does not: a filter by that value would not find it.
    """
    counts: Counter[tuple[str, str]] = Counter()
    for facet, count in found.facets.items():
        if facet.value.startswith(LOOSE):
            continue
        counts[facet.key, facet.value.removeprefix(MARK)] += count
    ordered = sorted(counts.items(), key=lambda item: (item[0][0], -item[1], item[0][1]))
    return [pb.FacetCount(key=key, value=value, count=count) for (key, value), count in ordered]


def _position(cursor: str) -> tuple[str, int, str]:
    """Name of the ranking, how many of its hits were shown, and the last of them."""
    if not cursor:
        return "", 0, ""
    name, _, rest = str(paging.decode("search", cursor)).partition(":")
    shown, _, last = rest.partition(":")
    if not shown.isascii() or not shown.isdigit() or len(shown) > len(str(MAX_HITS)):
        raise paging.bad_cursor()
    return name, int(shown), last


def _hits(session: Session, identity: Identity, page: Sequence[Ranked]) -> list[pb.Hit]:
    """Hits in order; what the caller may not read (any more) is left out."""
    ids = [ranked.id for ranked in page]
    rows = repositories.readable_ids(session, identity, ids)
    heads, starred = repositories.heads(session, ids), repositories.starred(session, identity.account, ids)
    found = session.scalars(select(VersionRow).where(VersionRow.id.in_(list(heads.values()))))
    by_id = {version.id: version for version in found}  # forks may have the same one at their heads
    at_head = {repository: by_id[version] for repository, version in heads.items() if version in by_id}
    return [
        _hit(session, rows[r.id], at_head[r.id], r, r.id in starred) for r in page if r.id in rows and r.id in at_head
    ]


def _hit(session: Session, row: RepositoryRow, version: VersionRow, ranked: Ranked, starred: bool) -> pb.Hit:
    samples = versions.samples_of(session, version.id)
    return pb.Hit(
        repository=messages.repository(row, version.id, starred),
        version=version.id,
        description_zh=str(version.card.get("description_zh", "")),
        description_en=str(version.card.get("description_en", "")),
        tags=version.card.get("tags", []),
        language=(version.card.get("languages") or [""])[0],
        score=ranked.score,
        near=ranked.near,
        explanation=dict(ranked.parts),
        sample=messages.sample(samples[0]) if samples else None,
    )
