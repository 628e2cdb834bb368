"""Bases: what voices stand on, pulled once."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from werkzeug.wrappers import Response

from services.common.errors import NotFound
from services.common.objects import Area
from services.gateway.clients import ask
from services.gateway.rest.downloads import serve
from services.gateway.rest.messages import to_json
from services.gateway.rest.route import Answer, Call, Reply, Resource
from services.gateway.rest.schema import page_of, reference
from services.gateway.routes.downloads import BYTES, RANGES
from services.stubs.voicehub.inference.v1 import inference_pb2 as inference

resource = Resource("bases")
_BASE = inference.Base.DESCRIPTOR


@resource.route("GET", "/v1/bases", "List bases", Answer(200, page_of(reference(_BASE))), messages=(_BASE,))
def list_bases(call: Call) -> Reply:
    """The bases registered on this hub, with what quality to expect of them."""
    found = ask(call.hub.clients.inference.ListBases, inference.ListBasesRequest())
    return Reply({"items": [to_json(base) for base in found.bases], "next_cursor": ""})


@resource.route(
    "GET",
    "/v1/bases/{digest}/objects/{file}",
    "Download a file of a base",
    Answer(200, media=BYTES),
    parameters=RANGES,
)
def get_base_object(call: Call, digest: str, file: str) -> Response:
    """As with objects of versions: ETag, Range, If-Range."""
    call.hub.limits.downloads.spend(call.visitor)
    found = _find(call, digest, file)
    stream = _open(call, digest, found)
    name = found.path.rpartition("/")[2]
    kept, slots = found.object, call.hub.limits.served
    return serve(stream, kept.size, kept.digest, BYTES, name, call.headers, slots, call.visitor)


def _find(call: Call, digest: str, wanted: str) -> inference.BundleFile:
    found = ask(call.hub.clients.inference.ListBases, inference.ListBasesRequest())
    for base in found.bases:
        for file in base.files if base.digest == digest else ():
            if file.object.digest == wanted:
                return file
    raise NotFound("This base has no such file.", hint="List the bases with GET /v1/bases.")


def _open(call: Call, digest: str, file: inference.BundleFile) -> BinaryIO:
    try:
        return call.hub.objects.open(Area.SERVED, file.object.digest)
    except KeyError:
        folder = (call.hub.bases / digest).resolve()
        path = (folder / Path(file.path)).resolve()
        if not path.is_relative_to(folder) or not path.is_file():
            raise NotFound("This file of the base is not here.", hint="Tell the operator.") from None
        return path.open("rb")
