"""A plan as Elasticsearch queries, and a hit of theirs as the plan counts it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from services.catalog.search.clauses import Alternative, Clause
from services.catalog.search.lexicon import Facet, Units
from services.catalog.search.port import COUNTED, Ranked, Viewer
from services.catalog.search.query import Bound
from services.catalog.search.ranking import Plan

Body = dict[str, Any]
FACETS_COUNTED = 10_000
_NOTHING: Body = {"match_none": {}}
_BOUNDS = {">": "gt", ">=": "gte", "<": "lt", "<=": "lte"}


def condition(plan: Plan, viewer: Viewer) -> Body:
    """What the viewer sees and what is never relaxed."""
    seen: list[Body] = [{"term": {"private": False}}]
    if viewer.principals:
        seen.append({"terms": {"principals": list(viewer.principals)}})
    wanted = [_facets(group) for group in plan.required]
    wanted += [_bound(bound) for bound in plan.bounds if not bound.negated]
    wanted += [_phrase("body", phrase) for phrase in plan.phrases]
    unwanted = [_facets([facet]) for facet in plan.without]
    unwanted += [{"bool": {"filter": [_facets(group) for group in kind]}} for kind in plan.without_kinds]
    unwanted += [_bound(bound) for bound in plan.bounds if bound.negated]
    unwanted += [_phrase("body", phrase) for phrase in plan.without_text]
    return {"bool": {"filter": [_any(seen), *wanted], "must_not": unwanted}}


def exact(plan: Plan, viewer: Viewer) -> Body:
    """All that was asked for, or a name."""
    wanted = [_any([_one(a) for a in plan.clauses[number].exact]) for number in plan.exact]
    wanted += [_any([_one(a) for a in plan.texts])] if plan.texts else []
    found: Body = {"bool": {"filter": [condition(plan, viewer), *wanted]}}
    named = [(condition(plan, viewer), plan.called), (condition(Plan(), viewer), plan.name)]
    return _any([found, *({"bool": {"filter": [seen, _phrase("title", name)]}} for seen, name in named if name)])


def near(plan: Plan, viewer: Viewer) -> Body:
    """Something of what was asked for, but not all."""
    some = [_one(a) for clause in plan.clauses for a in clause.alternatives]
    return {"bool": {"filter": [condition(plan, viewer), _any(some)], "must_not": [exact(plan, viewer)]}}


def scored(plan: Plan, admitted: Body, least: float = 0.0) -> Body:
    """The admitted with what the plan says they are worth; of the clauses at least `least`.

    Each alternative is named `clause.alternative`, so that a hit says which of them it has.
    """
    asked: Body = {"bool": {"filter": [admitted], "should": [_clause(n, c) for n, c in enumerate(plan.clauses)]}}
    if least:
        asked = {"function_score": {"query": asked, "min_score": least}}
    standing = {"field_value_factor": {"field": "rank", "missing": 1}}
    return {"function_score": {"query": asked, "functions": [standing], "boost_mode": "sum"}}


def knn(embedding: Sequence[float], admitted: Body, count: int) -> Body:
    """The nearest among the admitted."""
    vector = list(embedding)
    field = f"vectors.of_{len(vector)}"
    return {"knn": {"field": field, "query_vector": vector, "k": count, "num_candidates": count, "filter": admitted}}


def counted() -> Body:
    """The aggregation that counts the facets of `COUNTED`."""
    wanted = "|".join(f"{key}:.*" for key in COUNTED)
    return {"facets": {"terms": {"field": "facets", "size": FACETS_COUNTED, "include": wanted}}}


def ranked(plan: Plan, hit: Mapping[str, Any], near: bool) -> tuple[Ranked, float]:
    """A hit with its score, and the part of that which the clauses gave."""
    credited = [0.0] * len(plan.clauses)
    for name in hit.get("matched_queries", ()):
        clause, _, alternative = name.partition(".")
        number = int(clause)
        credited[number] = max(credited[number], plan.clauses[number].alternatives[int(alternative)].credit)
    worth = float(hit["_source"]["standing"])
    total, parts = worth, {}
    for clause, credit in zip(plan.clauses, credited, strict=True):
        total += clause.weight * credit
        if credit:
            parts[clause.label] = round(clause.weight * credit, 4)
    score = round(total, 6)
    parts["standing"] = round(worth, 4)
    return Ranked(hit["_id"], score, hit["_source"]["family"], near, parts), total - worth


def _clause(number: int, clause: Clause) -> Body:
    ways = [
        {
            "constant_score": {
                "filter": _one(alternative),
                "boost": clause.weight * alternative.credit,
                "_name": f"{number}.{place}",
            }
        }
        for place, alternative in enumerate(clause.alternatives)
    ]
    return {"dis_max": {"queries": ways}} if ways else _NOTHING


def _one(alternative: Alternative) -> Body:
    if alternative.facet is not None:
        return _facets([alternative.facet])
    return _phrase("body", alternative.phrase)


def _facets(facets: Sequence[Facet]) -> Body:
    return {"terms": {"facets": [f"{facet.key}:{facet.value}" for facet in facets]}}


def _phrase(field: str, phrase: Units) -> Body:
    return {"match_phrase": {field: " ".join(phrase)}}


def _bound(bound: Bound) -> Body:
    if bound.operator == "=":
        return {"term": {bound.name: bound.value}}
    return {"range": {bound.name: {_BOUNDS[bound.operator]: bound.value}}}


def _any(queries: Sequence[Body]) -> Body:
    return {"bool": {"should": list(queries), "minimum_should_match": 1}} if queries else _NOTHING
