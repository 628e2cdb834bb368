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
from services.stubs.voicehub.common.v1.common_pb2 import ObjectRef

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
    call.hub.limits.downloads.spend(call.visitor)
    request = catalog.ResolveDownloadRequest(owner=owner, name=name, version=ref, digest=digest)
    found = ask(call.hub.clients.catalog.ResolveDownload, request)
    return send(call, found.object, found.media_type or BYTES, found.filename or digest)


def send(call: Call, kept: ObjectRef, media_type: str, filename: str) -> Response:
    """An object of the served area, or the part of it that the caller asks for."""
    try:
        file = call.hub.objects.open(Area.SERVED, kept.digest)
    except KeyError as error:
        raise Unavailable(
            "This object is not in the store.", hint="Tell the operator.", reason="OBJECT_LOST"
        ) from error
    return serve(file, kept.size, kept.digest, media_type, filename, call.headers, call.hub.limits.served, call.visitor)
