"""Repositories: a name under an owner, public or private."""

from __future__ import annotations

from services.common.errors import Forbidden
from services.gateway.clients import ask
from services.gateway.domain.credentials import NAME_PATTERN, REPOSITORY_PATTERN, Scope
from services.gateway.rest.messages import to_json
from services.gateway.rest.route import Answer, Call, Parameter, Reply, Resource
from services.gateway.rest.schema import page_of, record, reference, text
from services.gateway.routes.shared import PAGE, VISIBILITY, page, visibility
from services.stubs.voicehub.catalog.v1 import catalog_pb2 as catalog

resource = Resource("repositories")
_REPOSITORY = catalog.Repository.DESCRIPTOR
_ONE = reference(_REPOSITORY)
_OWNER = Parameter("owner", text(39), note="Only repositories of this account.")
_NEW = record(
    {"name": text(64, pattern=REPOSITORY_PATTERN), "visibility": VISIBILITY},
    {"owner": text(39, pattern=NAME_PATTERN, note="Your own account; may be left out.")},
)


@resource.route(
    "GET",
    "/v1/repos",
    "List repositories",
    Answer(200, page_of(_ONE)),
    parameters=(_OWNER, *PAGE),
    messages=(_REPOSITORY,),
)
def list_repositories(call: Call) -> Reply:
    """What the caller may see, of one owner or of all."""
    request = catalog.ListRepositoriesRequest(owner=call.query.get("owner", ""), page=page(call))
    found = ask(call.hub.clients.catalog.ListRepositories, request)
    return Reply({"items": [to_json(r) for r in found.repositories], "next_cursor": found.next_cursor})


@resource.route("POST", "/v1/repos", "Make a repository", Answer(201, _ONE), body=_NEW, scope=Scope.WRITE)
def create_repository(call: Call) -> Reply:
    """Makes an empty repository of the caller."""
    owner = call.body.get("owner", call.account)
    if owner != call.account:
        raise Forbidden("You cannot make a repository for another account.", hint="Leave `owner` out.")
    request = catalog.CreateRepositoryRequest(
        owner=owner, name=call.body["name"], visibility=visibility(call.body["visibility"])
    )
    made = ask(call.hub.clients.catalog.CreateRepository, request).repository
    return Reply(to_json(made), {"Location": f"/v1/repos/{made.owner}/{made.name}"})


@resource.route("GET", "/v1/repos/{owner}/{name}", "Look at a repository", Answer(200, _ONE))
def get_repository(call: Call, owner: str, name: str) -> Reply:
    """404 if it does not exist, or not for the caller."""
    request = catalog.GetRepositoryRequest(owner=owner, name=name)
    return Reply(to_json(ask(call.hub.clients.catalog.GetRepository, request).repository))


@resource.route(
    "PATCH",
    "/v1/repos/{owner}/{name}",
    "Change a repository",
    Answer(200, _ONE),
    body=record({"visibility": VISIBILITY}),
    scope=Scope.WRITE,
)
def update_repository(call: Call, owner: str, name: str) -> Reply:
    """Makes it public or private."""
    request = catalog.UpdateRepositoryRequest(owner=owner, name=name, visibility=visibility(call.body["visibility"]))
    return Reply(to_json(ask(call.hub.clients.catalog.UpdateRepository, request).repository))
