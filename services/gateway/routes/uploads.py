"""Resumable uploads: announce, send from an offset, ask where it stands."""

from __future__ import annotations

from typing import Any

from services.gateway.domain.credentials import Scope
from services.gateway.rest.route import Answer, Call, Parameter, Reply, Resource
from services.gateway.rest.schema import Schema, number, record, text
from services.gateway.store.uploads import Upload
from services.gateway.uploads import MOST_BYTES, Part

resource = Resource("uploads")
PIECE_LIMIT = 256 << 20
FILENAME_PATTERN = r"^[^/\\\x00-\x1f\x7f]*$"
_NEW = record({"filename": text(255, pattern=FILENAME_PATTERN), "size": number(1, MOST_BYTES, note="Bytes.")})
_UPLOAD: Schema = record(
    {"id": text(32), "filename": text(255), "size": number(1, MOST_BYTES), "offset": number(0, MOST_BYTES)},
    {"digest": text(64, note="BLAKE3-256, once complete.")},
)
_COPY = record(
    {
        "offset": number(0, MOST_BYTES, note="Where the part belongs."),
        "digest": text(64, pattern="^[0-9a-f]{64}$", note="BLAKE3-256 of the earlier file."),
        "start": number(0, MOST_BYTES),
        "size": number(1, MOST_BYTES),
    }
)
_OFFSET = Parameter(
    "Upload-Offset", number(0, MOST_BYTES), place="header", required=True, note="Where the body's first byte belongs."
)


@resource.route("POST", "/v1/uploads", "Begin an upload", Answer(201, _UPLOAD), body=_NEW, scope=Scope.WRITE)
def create_upload(call: Call) -> Reply:
    """Unfinished uploads expire after a day."""
    return _reply(call.hub.uploads.begin(call.account, call.body["filename"], call.body["size"]))


@resource.route("GET", "/v1/uploads/{upload}", "Where an upload stands", Answer(200, _UPLOAD), scope=Scope.WRITE)
def get_upload(call: Call, upload: str) -> Reply:
    """After a torn connection, go on from `offset`."""
    return _reply(call.hub.uploads.get(call.account, upload))


@resource.route(
    "PATCH",
    "/v1/uploads/{upload}",
    "Send bytes",
    Answer(200, _UPLOAD),
    scope=Scope.WRITE,
    parameters=(_OFFSET,),
    raw_limit=PIECE_LIMIT,
)
def append_upload(call: Call, upload: str) -> Reply:
    """The bytes up to the answered `offset` are durable. At most 256 MiB at once; 409 if it stands elsewhere."""
    with call.hub.limits.uploads.one(call.visitor):
        return _reply(call.hub.uploads.append(call.account, upload, call.query["Upload-Offset"], call.stream))


@resource.route(
    "POST",
    "/v1/uploads/{upload}/copies",
    "Copy what you gave before",
    Answer(200, _UPLOAD),
    body=_COPY,
    scope=Scope.WRITE,
)
def copy_upload(call: Call, upload: str) -> Reply:
    """Appends a part of a file that you uploaded before, without sending it again; 404 if you have not: send it."""
    part = Part(call.body["digest"], call.body["start"], call.body["size"])
    with call.hub.limits.uploads.one(call.visitor):
        return _reply(call.hub.uploads.copy(call.account, upload, call.body["offset"], part))


def _reply(upload: Upload) -> Reply:
    body: dict[str, Any] = {
        "id": upload.id,
        "filename": upload.filename,
        "size": upload.size,
        "offset": upload.offset,
    }
    return Reply(body | ({"digest": upload.digest} if upload.digest else {}), {"Upload-Offset": str(upload.offset)})
