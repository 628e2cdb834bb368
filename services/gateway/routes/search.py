"""Search by words of any of the hub's languages."""

from __future__ import annotations

from services.gateway.clients import ask
from services.gateway.rest.messages import to_json
from services.gateway.rest.route import Answer, Call, Parameter, Reply, Resource
from services.gateway.rest.schema import page_of, reference, text
from services.gateway.routes.shared import PAGE, page
from services.stubs.voicehub.catalog.v1 import catalog_pb2 as catalog

resource = Resource("search")
_HIT = catalog.Hit.DESCRIPTOR
_CHIP, _COUNT = catalog.Chip.DESCRIPTOR, catalog.FacetCount.DESCRIPTOR
_UNDERSTOOD = {"type": "object", "additionalProperties": {"type": "string"}}
_PAGE = page_of(
    reference(_HIT),
    total={"type": "integer"},
    understood=_UNDERSTOOD,
    chips={"type": "array", "items": reference(_CHIP)},
    facets={"type": "array", "items": reference(_COUNT)},
)
_QUERY = Parameter("q", text(500, least=0), note="Such as `粤语 老年 男性` or `Cantonese elderly male`.")
_ORDER = Parameter(
    "order",
    {"type": "string", "enum": ["relevance", "newest", "stars", "downloads", "mos"]},
    note="What comes first; relevance unless told.",
)
_FORKS = Parameter(
    "forks", {"type": "string", "enum": ["collapsed", "all"]}, note="Of a family of forks: the best only, or all."
)
_SUGGESTIONS = {
    "type": "object",
    "required": ["items"],
    "properties": {"items": {"type": "array", "items": {"type": "string"}}},
}
_SIMILAR = page_of(reference(_HIT), unavailable={"type": "string"})


@resource.route(
    "GET",
    "/v1/search",
    "Search voices",
    Answer(200, _PAGE),
    parameters=(_QUERY, _ORDER, _FORKS, *PAGE),
    messages=(_HIT, _CHIP, _COUNT),
)
def search_voices(call: Call) -> Reply:
    """Published voices the caller may see, best first; `understood` says how the words were taken."""
    request = catalog.SearchVoicesRequest(
        query=call.query.get("q", ""),
        page=page(call),
        order=call.query.get("order", ""),
        forks=call.query.get("forks") == "all",
    )
    found = ask(call.hub.clients.catalog.SearchVoices, request)
    body = {
        "items": [to_json(hit) for hit in found.hits],
        "next_cursor": found.next_cursor,
        "total": found.total,
        "understood": dict(found.understood),
        "chips": [to_json(chip) for chip in found.chips],
        "facets": [to_json(count) for count in found.facets],
    }
    return Reply(body)


@resource.route(
    "GET", "/v1/search/suggestions", "Suggest queries while typing", Answer(200, _SUGGESTIONS), parameters=(_QUERY,)
)
def suggest_queries(call: Call) -> Reply:
    """Queries that begin as `q` does."""
    found = ask(call.hub.clients.catalog.SuggestQueries, catalog.SuggestQueriesRequest(prefix=call.query.get("q", "")))
    return Reply({"items": list(found.suggestions)})


@resource.route(
    "GET",
    "/v1/repos/{owner}/{name}/similar",
    "Voices that sound like this one",
    Answer(200, _SIMILAR),
    parameters=(_QUERY,),
    messages=(_HIT,),
)
def list_similar_voices(call: Call, owner: str, name: str) -> Reply:
    """Nearest speakers first, among the voices that `q` admits; `unavailable` says why there are none."""
    request = catalog.ListSimilarVoicesRequest(owner=owner, name=name, query=call.query.get("q", ""))
    found = ask(call.hub.clients.catalog.ListSimilarVoices, request)
    items = [to_json(hit) for hit in found.hits]
    return Reply({"items": items, "next_cursor": "", "unavailable": found.unavailable})
