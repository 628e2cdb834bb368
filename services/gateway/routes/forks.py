"""Forks, and where voices come from: as JSON and as a picture."""

from __future__ import annotations

from werkzeug.wrappers import Response

from services.gateway.clients import ask
from services.gateway.domain.credentials import NAME_PATTERN, REPOSITORY_PATTERN, Scope
from services.gateway.domain.lineage import picture
from services.gateway.rest.messages import to_json
from services.gateway.rest.route import Answer, Call, Reply, Resource
from services.gateway.rest.schema import record, reference, text
from services.gateway.routes.shared import VISIBILITY, visibility
from services.stubs.voicehub.catalog.v1 import catalog_pb2 as catalog
from services.stubs.voicehub.catalog.v1 import forks_pb2 as forks

resource = Resource("forks")
SVG = "image/svg+xml"
_REPO = "/v1/repos/{owner}/{name}"
_LINEAGE, _SYNCED = forks.GetLineageResponse.DESCRIPTOR, forks.SyncForkResponse.DESCRIPTOR
_NEW = record(
    {},
    {
        "ref": text(64, note="Ref or id of the version to begin at; `main` if not said."),
        "owner": text(39, pattern=NAME_PATTERN, note="Yourself, if left out, or an organisation."),
        "name": text(64, pattern=REPOSITORY_PATTERN, note="The same name, if left out."),
        "visibility": VISIBILITY,
    },
)


@resource.route(
    "POST",
    _REPO + "/forks",
    "Fork",
    Answer(201, reference(catalog.Repository.DESCRIPTOR)),
    body=_NEW,
    scope=Scope.WRITE,
)
def fork_repository(call: Call, owner: str, name: str) -> Reply:
    """A repository of yours at the same version; no byte is copied. Licence and consent can only be tightened in it."""
    request = forks.ForkRepositoryRequest(
        owner=owner,
        name=name,
        ref=call.body.get("ref", ""),
        new_owner=call.body.get("owner", ""),
        new_name=call.body.get("name", ""),
        visibility=visibility(call.body.get("visibility")),
    )
    made = ask(call.hub.clients.forks.ForkRepository, request).repository
    return Reply(to_json(made), {"Location": f"/v1/repos/{made.owner}/{made.name}"})


@resource.route(
    "POST",
    _REPO + "/refs/{ref}/sync",
    "Bring a fork up to date",
    Answer(200, reference(_SYNCED)),
    scope=Scope.WRITE,
    messages=(_SYNCED,),
)
def sync_fork(call: Call, owner: str, name: str, ref: str) -> Reply:
    """Moves the branch forward to what the upstream has by that name; 409 if it has versions of its own."""
    return Reply(to_json(ask(call.hub.clients.forks.SyncFork, forks.SyncForkRequest(owner=owner, name=name, ref=ref))))


@resource.route(
    "GET", _REPO + "/lineage", "Where a voice comes from", Answer(200, reference(_LINEAGE)), messages=(_LINEAGE,)
)
def get_lineage(call: Call, owner: str, name: str) -> Reply:
    """Versions, repositories and bases of its family, and how they follow from each other; what you may see of it."""
    return Reply(to_json(ask(call.hub.clients.forks.GetLineage, forks.GetLineageRequest(owner=owner, name=name))))


@resource.route("GET", _REPO + "/lineage.svg", "Where a voice comes from, as a picture", Answer(200, media=SVG))
def get_lineage_picture(call: Call, owner: str, name: str) -> Response:
    """The same as SVG."""
    found = ask(call.hub.clients.forks.GetLineage, forks.GetLineageRequest(owner=owner, name=name))
    headers = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox"}
    return Response(picture(to_json(found)), mimetype=SVG, headers=headers)
