"""Versions: pushing one, looking at it, following it along its road, reading what the scan found."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

from werkzeug.wrappers import Response

from services.gateway.clients import ask
from services.gateway.domain.credentials import Scope
from services.gateway.domain.sarif import to_sarif
from services.gateway.rest.events import Message, stream
from services.gateway.rest.messages import to_json, to_struct
from services.gateway.rest.route import Answer, Call, Parameter, Reply, Resource
from services.gateway.rest.schema import FREE_OBJECT, choice, listing, page_of, record, reference, text
from services.gateway.routes.shared import (
    DECLARATION,
    PAGE,
    UPLOAD_ID,
    VISIBILITY,
    complete_upload,
    declaration,
    object_of,
    page,
    version,
    visibility,
)
from services.gateway.routes.uploads import FILENAME_PATTERN
from services.stubs.voicehub.catalog.v1 import catalog_pb2 as catalog
from services.stubs.voicehub.common.v1.common_pb2 import UploadedFile
from services.stubs.voicehub.scanner.v1 import scanner_pb2 as scanner

resource = Resource("versions")
POLL_SECONDS = 0.5
MOST_FILES = 32
_VERSION, _REPORT = catalog.Version.DESCRIPTOR, scanner.Report.DESCRIPTOR
_ONE = reference(_VERSION)
_FALLEN = {"refs": listing(reference(catalog.FallenRef.DESCRIPTOR))}
_ERASED = {"allOf": [_ONE, {"type": "object", "properties": _FALLEN, "required": [*_FALLEN]}]}
_BASE = "/v1/repos/{owner}/{name}/versions"
_FILE = record(
    {
        "role": choice("s1", "s2", "prompt", "lexicon"),
        "filename": text(255, pattern=FILENAME_PATTERN),
        "upload": UPLOAD_ID,
    }
)
_NEW = record(
    {
        "message": text(2000, least=0),
        "card": FREE_OBJECT,
        "declaration": DECLARATION,
        "files": listing(_FILE, least=1, most=MOST_FILES),
    },
    {
        "visibility": {**VISIBILITY, "description": "Of the repository, if it is new."},
        "figures": FREE_OBJECT,
        "ref": text(64, note="Branch to push to, made if it is not there; `main` if not said."),
        "onto": text(32, note="Id of the version this one was made from: 409 if the branch has moved on since."),
    },
)
_ENDS = ("published", "quarantined", "erased")


@resource.route("POST", _BASE, "Push a version", Answer(201, _ONE), body=_NEW, scope=Scope.WRITE, messages=(_VERSION,))
def create_version(call: Call, owner: str, name: str) -> Reply:
    """Makes an immutable version from complete uploads, and the repository if it is new. It is scanned first."""
    request = catalog.CreateVersionRequest(
        owner=owner,
        name=name,
        visibility_if_new=visibility(call.body.get("visibility")),
        message=call.body["message"],
        card=to_struct(call.body["card"], "card"),
        declaration=declaration(call.body),
        files=[_uploaded(call, number, file) for number, file in enumerate(call.body["files"])],
        figures=to_struct(call.body.get("figures", {}), "figures"),
        idempotency_key=call.key,
        ref=call.body.get("ref", ""),
        onto=call.body.get("onto", ""),
    )
    made = ask(call.hub.clients.catalog.CreateVersion, request).version
    return Reply(to_json(made), {"Location": f"/v1/repos/{owner}/{name}/versions/{made.id}"})


@resource.route("GET", _BASE, "List versions", Answer(200, page_of(_ONE)), parameters=PAGE)
def list_versions(call: Call, owner: str, name: str) -> Reply:
    """Newest first."""
    request = catalog.ListVersionsRequest(owner=owner, name=name, page=page(call))
    found = ask(call.hub.clients.catalog.ListVersions, request)
    return Reply({"items": [to_json(v) for v in found.versions], "next_cursor": found.next_cursor})


@resource.route("GET", _BASE + "/{ref}", "Look at a version", Answer(200, _ONE))
def get_version(call: Call, owner: str, name: str, ref: str) -> Reply:
    """`ref` is `main`, a tag or a version id."""
    return Reply(to_json(version(call, owner, name, ref)))


@resource.route(
    "DELETE",
    _BASE + "/{ref}",
    "Erase a version",
    Answer(200, _ERASED),
    scope=Scope.WRITE,
    messages=(catalog.FallenRef.DESCRIPTOR,),
)
def erase_version(call: Call, owner: str, name: str, ref: str) -> Reply:
    """By its id, for admins of the repository it was pushed to: a tombstone stays, here and in forks.

    `refs` are the branches that fell back to what led to it and the tags that are gone, as far as you may see them.
    """
    request = catalog.EraseVersionRequest(owner=owner, name=name, version=ref)
    done = ask(call.hub.clients.catalog.EraseVersion, request)
    return Reply(to_json(done.version) | {"refs": [to_json(one) for one in done.refs]})


@resource.route("GET", _BASE + "/{ref}/events", "Follow a version", Answer(200, media="text/event-stream"))
def watch_version(call: Call, owner: str, name: str, ref: str) -> Response:
    """Server-sent events `state`, one for each state that is seen, until the version is published or quarantined."""
    first = version(call, owner, name, ref)
    return stream(lambda stop: _states(call, first, stop), call.hub.limits.events, call.visitor)


@resource.route(
    "GET",
    _BASE + "/{ref}/report",
    "Read the scan report",
    Answer(200, reference(_REPORT)),
    parameters=(Parameter("format", choice("json", "sarif")),),
    messages=(_REPORT,),
)
def get_report(call: Call, owner: str, name: str, ref: str) -> Reply:
    """What the scan found, signed; `format=sarif` for code scanning tools."""
    request = scanner.GetReportRequest(version_id=version(call, owner, name, ref).id)
    report = to_json(ask(call.hub.clients.scanner.GetReport, request).report)
    return Reply(to_sarif(report) if call.query.get("format") == "sarif" else report)


def _uploaded(call: Call, number: int, file: dict[str, Any]) -> UploadedFile:
    upload = complete_upload(call, file["upload"], f"files.{number}.upload")
    return UploadedFile(role=file["role"], filename=file["filename"], object=object_of(upload))


def _states(call: Call, seen: catalog.Version, stop: threading.Event) -> Iterator[Message]:
    number, last = 0, ""
    while True:
        shown = to_json(seen)
        if shown["state"] != last:
            number, last = number + 1, shown["state"]
            kept = ("id", "owner", "name", "state", "verdict", "findings", "not_auditionable")
            yield Message("state", str(number), {key: shown[key] for key in kept})
        if last in _ENDS or stop.wait(POLL_SECONDS):
            return
        seen = version(call, seen.owner, seen.name, seen.id)
