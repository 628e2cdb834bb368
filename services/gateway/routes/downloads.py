"""Objects of a version: only what the scanner rebuilt, only to who may see the version."""

from __future__ import annotations

from werkzeug.wrappers import Response

from services.common.errors import Unavailable
from services.common.objects import Area
from services.gateway.clients import ask
from services.gateway.rest.downloads import serve
from services.gateway.rest.route import Answer, Call, Parameter, Resource
from services.gateway.rest.schema import text
from services.stubs.voicehub.catalog.v1 import catalog_pb2 as catalog

resource = Resource("downloads")
BYTES = "application/octet-stream"
RANGES = (
    Parameter("Range", text(200, least=0), place="header", note="One byte range."),
    Parameter("If-Range", text(200, least=0), place="header", note="The ETag the range belongs to."),
)


@resource.route(
    "GET",
    "/v1/repos/{owner}/{name}/versions/{ref}/objects/{digest}",
    "Download an object",
    Answer(200, media=BYTES, note="The bytes; 206 for a range, 304 if the ETag is known, 416 outside the object."),
    parameters=RANGES,
)
def get_object(call: Call, owner: str, name: str, ref: str, digest: str) -> Response:
    """The ETag is the BLAKE3-256 digest: an interrupted download goes on with Range and If-Range."""
    call.hub.limits.downloads.spend(call.account or call.remote)
    request = catalog.ResolveDownloadRequest(owner=owner, name=name, version=ref, digest=digest)
    found = ask(call.hub.clients.catalog.ResolveDownload, request)
    try:
        file = call.hub.objects.open(Area.SERVED, found.object.digest)
    except KeyError as error:
        raise Unavailable(
            "This object is not in the store.", hint="Tell the operator.", reason="OBJECT_LOST"
        ) from error
    media, filename = found.media_type or BYTES, found.filename or digest
    return serve(file, found.object.size, found.object.digest, media, filename, call.headers, call.hub.limits.served)
