"""What several resources need: common schemas, pages, refs and uploaded files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.common.errors import NotFound, Unprocessable
from services.gateway.clients import ask
from services.gateway.rest.route import Call, Parameter
from services.gateway.rest.schema import Schema, choice, number, record, text
from services.gateway.store.uploads import Upload
from services.stubs.voicehub.catalog.v1 import catalog_pb2 as catalog
from services.stubs.voicehub.common.v1.common_pb2 import Declaration, ObjectRef, PageRequest

PAGE_MOST = 100
PAGE_USUAL = 20
PAGE = (
    Parameter("cursor", text(4096, least=0), note="`next_cursor` of the page before."),
    Parameter("size", number(1, PAGE_MOST), note=f"Items on a page, {PAGE_USUAL} if not said."),
)
DECLARATION: Schema = record(
    {
        "source": text(500, note="Where the recordings come from, in words."),
        "license": text(100, note="SPDX identifier."),
        "consent": choice("self", "written-permission", "public-domain", "licensed"),
    }
)
UPLOAD_ID: Schema = text(32, pattern="^[0-9a-f]{32}$", note="Id of a complete upload.")
VISIBILITY: Schema = choice("public", "private")


def page(call: Call) -> PageRequest:
    """The page that a list request asks for."""
    return PageRequest(size=call.query.get("size", PAGE_USUAL), cursor=call.query.get("cursor", ""))


def visibility(name: str | None) -> catalog.Visibility.ValueType:
    """The enum value of `public`, `private` or nothing."""
    return catalog.Visibility.Value(f"VISIBILITY_{name.upper()}") if name else catalog.VISIBILITY_UNSPECIFIED


def declaration(body: Mapping[str, Any]) -> Declaration:
    """The declaration of a request that was checked against `DECLARATION`."""
    return Declaration(**body["declaration"])


def version(call: Call, owner: str, name: str, ref: str, *, brief: bool = False) -> catalog.Version:
    """The version that a ref names, if the caller may see it; NotFound. In brief it has neither card nor parts."""
    request = catalog.GetVersionRequest(owner=owner, name=name, ref=ref, brief=brief)
    return ask(call.hub.clients.catalog.GetVersion, request).version


def complete_upload(call: Call, upload_id: str, field: str) -> Upload:
    """A complete upload of the caller; Unprocessable names the field."""
    try:
        upload = call.hub.uploads.get(call.account, upload_id)
    except NotFound as error:
        raise Unprocessable(
            "You have no upload of this id.",
            hint="Upload the file with POST /v1/uploads first.",
            reason="UPLOAD_MISSING",
            fields={field: "is not an upload of yours"},
        ) from error
    if not upload.digest:
        raise Unprocessable(
            f"The upload of {upload.filename} is not complete: {upload.offset} of {upload.size} bytes are here.",
            hint=f"Go on with PATCH /v1/uploads/{upload.id} from Upload-Offset {upload.offset}.",
            reason="UPLOAD_INCOMPLETE",
            fields={field: "is not complete"},
        )
    return upload


def object_of(upload: Upload) -> ObjectRef:
    """The object that a complete upload became."""
    return ObjectRef(digest=upload.digest, size=upload.size)
