"""The search index in Elasticsearch 9: candidates and their order by constants, scores by the shared arithmetic.

`elasticsearch://[user:password@]host:port[,host:port][/prefix]`, with `elasticsearch+https` for TLS. The prefix is an
alias. A new index is filled beside the one that answers, then the alias moves. Only what the basic licence of the
stock distribution has is used: no scripts, no reindex, no update or delete by query.

A clause of the plan is worth a constant, so that no statistics of the engine enter a score: what a word is worth was
counted among public voices before. The engine finds and orders by the same sum in 32 bits; the scores that are shown
are added up anew in 64 bits from the names of the clauses that matched, as the embedded index does.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from elasticsearch import ApiError, BadRequestError, NotFoundError

from services.catalog.search.elastic_client import FILLING_SECONDS, SECONDS, connect, lost
from services.catalog.search.elastic_documents import LAYOUT, POSITION, SETTINGS, mapping, vector_field
from services.catalog.search.elastic_queries import Body, condition, counted, exact, knn, near, ranked, scored
from services.catalog.search.elastic_writing import ElasticFilling, filled_by, keep_position, write
from services.catalog.search.lexicon import Facet, Lexicon, Units
from services.catalog.search.port import Change, Filling, Found, Neighbour, Viewer, by_score
from services.catalog.search.ranking import ENOUGH, Plan
from services.common.errors import Unavailable
from services.common.ids import new_id

log = logging.getLogger(__name__)
TIED = 100  # neighbours asked for beyond the limit, so that equal ones are ordered by id
_SORTED = {"newest": "created", "stars": "stars", "downloads": "downloads", "mos": "mos"}
_FLOAT = 1e-5  # what a sum in 32 bits may be off


class ElasticIndex:
    """The index behind an alias."""

    def __init__(self, url: str, lexicon: Lexicon) -> None:
        self._connection, self._alias = connect(url)
        self._stamp = f"{LAYOUT}:{lexicon.digest}"
        self._lexicon = lexicon

    def stamp(self) -> str:
        """The stamp in the mapping of the index behind the alias, if it is the present one; else empty."""
        with self._connection.asking() as client:
            try:
                found = client.indices.get_mapping(index=self._alias)
            except NotFoundError:
                return ""
        stamps = [one["mappings"].get("_meta", {}).get("stamp", "") for one in found.values()]
        return self._stamp if stamps == [self._stamp] else ""

    def position(self) -> int:
        """As the document that keeps it says."""
        with self._connection.asking() as client:
            try:
                return int(client.get(index=self._alias, id=POSITION)["_source"]["position"])
            except NotFoundError:
                return 0
            except BadRequestError as error:  # the alias names two: a process died while two moved it at once
                raise lost() from error

    def apply(self, changes: Sequence[Change], position: int | None = None) -> None:
        """One bulk request; acknowledged writes are in the translog on disk, and visible."""
        written = write(self._connection, self._alias, changes, self._lexicon, SECONDS, seen=True)
        if position is not None:
            # Of the index that has them: another process may have moved the alias to one that has not.
            keep_position(self._connection, written or self._alias, position, alias=not written)

    def begin(self) -> Filling:
        """A new index of a name that sorts after the older ones."""
        name = f"{self._alias}-{new_id()}"
        with self._connection.asking(FILLING_SECONDS) as client:
            client.indices.create(
                index=name, mappings=mapping(self._stamp), settings=SETTINGS, aliases={filled_by(name): {}}
            )
        return ElasticFilling(self._connection, name, self._lexicon, self._switch)

    def frequencies(self, phrases: Sequence[Units]) -> tuple[Mapping[Units, int], int]:
        """Counted by one aggregation over the public entries."""
        return self._counted("body", phrases)

    def called(self, phrases: Sequence[Units]) -> frozenset[Units]:
        """Read from the titles."""
        return frozenset(phrase for phrase, count in self._counted("title", phrases)[0].items() if count)

    def search(self, plan: Plan, viewer: Viewer, limit: int, order: str = "relevance") -> Found:
        """Exact hits with their facets; where they are few, a second query for those that come near."""
        first = self._run(scored(plan, exact(plan, viewer)), limit, order, counted())
        hits = [ranked(plan, hit, near=False) for hit in first["hits"]["hits"]]
        total = int(first["hits"]["total"]["value"])
        if total < min(limit, ENOUGH) and plan.clauses and not plan.name:
            least = plan.near_least
            more = self._run(scored(plan, near(plan, viewer), max(least - _FLOAT, 0.0)), 2 * ENOUGH, order, None)
            found = [ranked(plan, hit, near=True) for hit in more["hits"]["hits"]]
            hits += [one for one in found if one[1] >= least][: min(limit, ENOUGH) - len(hits)]
        answer = [hit for hit, _ in hits]
        buckets = first["aggregations"]["facets"]["buckets"]
        counts = {Facet(*bucket["key"].split(":", 1)): int(bucket["doc_count"]) for bucket in buckets}
        return Found(answer if order in _SORTED else by_score(answer), total, dict(sorted(counts.items())))

    def nearest(self, embedding: Sequence[float], plan: Plan, viewer: Viewer, limit: int) -> Sequence[Neighbour]:
        """An exact scan of the vectors of the admitted: a graph would depend on voices that the viewer cannot see."""
        if not self._has_vectors(vector_field(len(embedding))):
            return []
        asked = {"query": knn(embedding, exact(plan, viewer), limit + TIED), "size": limit + TIED, "_source": False}
        found = self._search(asked)["hits"]["hits"]
        near_by = [Neighbour(hit["_id"], round(2 * hit["_score"] - 1, 6)) for hit in found]
        return sorted(near_by, key=lambda one: (-one.similarity, one.id))[:limit]

    def names(self, prefix: str, viewer: Viewer, limit: int) -> Sequence[str]:
        """By the start of the name or of `owner/name`."""
        starts: list[Body] = [{"prefix": {field: {"value": prefix}}} for field in ("label", "name")]
        asked: Body = {
            "query": {
                "bool": {"filter": [condition(Plan(), viewer)], "should": starts, "minimum_should_match": 1},
            },
            "size": limit,
            "sort": [{"stars": "desc"}, {"label": "asc"}],
            "_source": ["label"],
        }
        return [hit["_source"]["label"] for hit in self._search(asked)["hits"]["hits"]]

    def close(self) -> None:
        """Closes the connections."""
        self._connection.client.close()

    def _run(self, query: Body, limit: int, order: str, aggregations: Body | None) -> Mapping[str, Any]:
        by_field: list[Body] = [{_SORTED[order]: {"order": "desc", "missing": "_last"}}] if order in _SORTED else []
        asked: Body = {
            "query": query,
            "size": limit,
            "track_scores": True,
            "sort": [*by_field, {"_score": "desc"}, {"id": "desc"}],
            "_source": ["family", "standing"],
        }
        return self._search(asked | ({"aggs": aggregations} if aggregations else {}))

    def _counted(self, field: str, phrases: Sequence[Units]) -> tuple[Mapping[Units, int], int]:
        """How many public entries have each phrase in a field, and how many there are."""
        wanted = {str(n): {"match_phrase": {field: " ".join(phrase)}} for n, phrase in enumerate(phrases)}
        asked: Body = {"query": {"term": {"private": False}}, "size": 0}
        if wanted:
            asked["aggs"] = {"phrases": {"filters": {"filters": wanted}}}
        found = self._search(asked)
        buckets = found["aggregations"]["phrases"]["buckets"] if wanted else {}
        counts = {phrase: int(buckets[str(n)]["doc_count"]) for n, phrase in enumerate(phrases)}
        return counts, int(found["hits"]["total"]["value"])

    def _search(self, body: Body) -> Mapping[str, Any]:
        with self._connection.asking() as client:
            try:
                answer: Mapping[str, Any] = client.search(
                    index=self._alias, body={"track_total_hits": True, **body}, allow_partial_search_results=False
                ).body
            except NotFoundError as error:
                raise lost() from error
        return answer

    def _has_vectors(self, field: str) -> bool:
        """Whether any entry has had a vector of this length."""
        with self._connection.asking() as client:
            try:
                found = client.indices.get_field_mapping(index=self._alias, fields=field)
            except NotFoundError as error:
                raise lost() from error
        return any(one["mappings"] for one in found.values())

    def _switch(self, fresh: str, position: int) -> None:
        """Moves the alias; the index that answered until now stays for the searches that are still in it.

        What is older goes, also what another process still fills: that one then finds that this index is there.
        """
        keep_position(self._connection, filled_by(fresh), position)
        with self._connection.asking(FILLING_SECONDS) as client:
            try:
                client.indices.refresh(index=fresh)
                aliased = {name for name, one in self._all().items() if self._alias in one["aliases"]}
                moves: list[Body] = [{"remove": {"index": name, "alias": self._alias}} for name in sorted(aliased)]
                moves.append({"remove": {"index": fresh, "alias": filled_by(fresh)}})
                client.indices.update_aliases(actions=[*moves, {"add": {"index": fresh, "alias": self._alias}}])
            except NotFoundError as error:
                raise lost() from error
        self._clear(fresh, aliased)

    def _clear(self, fresh: str, kept: Collection[str]) -> None:
        """Deletes what is older than the index that answers now; what cannot be deleted stays until the next switch."""
        try:
            with self._connection.asking(FILLING_SECONDS) as client:
                spent = [name for name in self._all() if name < fresh and name not in kept]
                if spent:
                    client.indices.delete(index=",".join(spent), ignore_unavailable=True)
        except (ApiError, Unavailable) as error:
            log.warning("an older search index was not deleted", extra={"detail": str(error)[:200]})

    def _all(self) -> Mapping[str, Any]:
        """The indexes of this alias by name, with their aliases."""
        with self._connection.asking() as client:
            found = client.indices.get_alias(index=f"{self._alias}-*")
        start, length = f"{self._alias}-", len(new_id())
        return {name: one for name, one in found.items() if len(name.removeprefix(start)) == length}
