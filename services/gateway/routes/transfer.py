"""Transfers: what an update may travel as."""

from __future__ import annotations

from werkzeug.wrappers import Response

from services.gateway.clients import ask
from services.gateway.rest.messages import to_json
from services.gateway.rest.route import Answer, Call, Parameter, Reply, Resource
from services.gateway.rest.schema import listing, record, reference, text
from services.gateway.routes.downloads import BYTES, RANGES, send
from services.stubs.voicehub.catalog.v1 import transfer_pb2 as transfer

resource = Resource("transfers")
_DELTA = transfer.TensorDelta.DESCRIPTOR
_BASE = "/v1/repos/{owner}/{name}/versions/{ref}/deltas"
_HAVE = Parameter("have", text(32, pattern="^[0-9a-f]{32}$"), required=True, note="Id of a version that you have.")


@resource.route(
    "GET", _BASE, "Deltas from a version that you have", Answer(200, record({"items": listing(reference(_DELTA))})),
    parameters=(_HAVE,), messages=(_DELTA,),
)  # fmt: skip
def list_deltas(call: Call, owner: str, name: str, ref: str) -> Reply:
    """For changed tensors: deltas to apply one after the other. None where there are none: take whole tensors then."""
    request = transfer.ListDeltasRequest(owner=owner, name=name, version=ref, have=call.query["have"])
    found = ask(call.hub.clients.transfer.ListDeltas, request)
    return Reply({"items": [to_json(delta) for delta in found.deltas]})


@resource.route(
    "GET", _BASE + "/{have}/{digest}", "Download a delta",
    Answer(200, media=BYTES, note="The bytes, as for objects: Range, If-Range, strong ETag."), parameters=RANGES,
)  # fmt: skip
def get_delta(call: Call, owner: str, name: str, ref: str, have: str, digest: str) -> Response:
    """A delta of the list; its format is described in `gptsovits/formats/delta/layout.py`."""
    call.hub.limits.downloads.spend(call.visitor)
    request = transfer.ResolveDeltaRequest(owner=owner, name=name, version=ref, have=have, digest=digest)
    found = ask(call.hub.clients.transfer.ResolveDelta, request)
    return send(call, found.object, BYTES, digest)
