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
_UNDERSTOOD = {"type": "object", "additionalProperties": {"type": "string"}}
_PAGE = page_of(reference(_HIT), total={"type": "integer"}, understood=_UNDERSTOOD)
_QUERY = Parameter("q", text(500, least=0), note="Such as `粤语 老年 男性` or `Cantonese elderly male`.")


@resource.route("GET", "/v1/search", "Search voices", Answer(200, _PAGE), parameters=(_QUERY, *PAGE), messages=(_HIT,))
def search_voices(call: Call) -> Reply:
    """Published voices the caller may see, best first; `understood` says how the words were taken."""
    request = catalog.SearchVoicesRequest(query=call.query.get("q", ""), page=page(call))
    found = ask(call.hub.clients.catalog.SearchVoices, request)
    body = {
        "items": [to_json(hit) for hit in found.hits],
        "next_cursor": found.next_cursor,
        "total": found.total,
        "understood": dict(found.understood),
    }
    return Reply(body)
