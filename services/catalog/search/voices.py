"""Answering a search: catch up, understand, look, check against the tables once more, and page.

The first page keeps the whole ranking for a while under the digest of its content; the following pages are cut from it,
so that nothing is lost or repeated while stars and voices change. A ranking that is gone (a restart, too many others)
is made anew and continued after the last voice shown.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from services.catalog import messages, paging
from services.catalog.search.lexicon import load
from services.catalog.search.port import Ranked, SearchIndex, Viewer
from services.catalog.search.projection import Projection
from services.catalog.search.query import MAX_QUERY, Query, understand
from services.catalog.store import repositories, versions
from services.catalog.store.tables import RepositoryRow, VersionRow
from services.common.database import Database
from services.common.errors import Invalid
from services.common.identity import Identity
from services.stubs.voicehub.catalog.v1 import catalog_pb2 as pb

MAX_HITS = 1000
KEPT_RANKINGS = 256


@dataclass(frozen=True)
class Ranking:
    """All hits of one search, for the account that searched."""

    account: str
    text: str
    hits: Sequence[Ranked]
    total: int


class VoiceSearch:
    """Search over published voices."""

    def __init__(self, database: Database, index: SearchIndex) -> None:
        self._database, self._index = database, index
        self._lexicon = load()
        self._projection = Projection(database, index)
        self._rankings: OrderedDict[str, Ranking] = OrderedDict()
        self._lock = threading.Lock()

    def search(self, identity: Identity, request: pb.SearchVoicesRequest) -> pb.SearchVoicesResponse:
        """One page of hits; Invalid for a query that is too long or a cursor of another list."""
        if len(request.query) > MAX_QUERY:
            raise Invalid(
                "The query is too long.", hint=f"Use at most {MAX_QUERY} characters.", reason="QUERY_TOO_LONG"
            )
        size = paging.page_size(request.page.size)
        name, offset, last = _position(request.page.cursor)
        self._projection.catch_up()
        query = understand(request.query, self._lexicon)
        name, ranking = self._ranking(name, identity, request.query, query)
        start = next((i + 1 for i, hit in enumerate(ranking.hits) if hit.id == last), offset)
        page = ranking.hits[start : start + size]
        more = start + size < len(ranking.hits)
        with self._database.read() as session:
            hits = _hits(session, identity, page)
        return pb.SearchVoicesResponse(
            hits=hits,
            next_cursor=paging.encode("search", f"{name}:{start + size}:{page[-1].id}") if more else "",
            total=ranking.total,
            understood=query.understood,
        )

    def _ranking(self, name: str, identity: Identity, text: str, query: Query) -> tuple[str, Ranking]:
        with self._lock:
            kept = self._rankings.get(name)
        if kept is not None and (kept.account, kept.text) == (identity.account, text):
            return name, kept
        hits, total = self._index.search(query, Viewer(identity.account), MAX_HITS)
        ranking = Ranking(identity.account, text, hits, total)
        fresh = hashlib.sha256(repr(ranking).encode()).hexdigest()[:16]
        with self._lock:
            self._rankings[fresh] = ranking
            while len(self._rankings) > KEPT_RANKINGS:
                self._rankings.popitem(last=False)
        return fresh, ranking


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
    at_head = {version.repository_id: version for version in found}
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
        sample=messages.sample(samples[0]) if samples else None,
    )
