"""Repositories: a name under an owner, public or private."""

from __future__ import annotations

from services.common.errors import Invalid
from services.gateway.clients import ask
from services.gateway.domain.credentials import NAME_PATTERN, REPOSITORY_PATTERN, Scope
from services.gateway.rest.messages import to_json
from services.gateway.rest.route import Answer, Call, Parameter, Reply, Resource
from services.gateway.rest.schema import page_of, record, reference, text
from services.gateway.routes.shared import PAGE, VISIBILITY, page, visibility
from services.stubs.voicehub.catalog.v1 import access_pb2 as access
from services.stubs.voicehub.catalog.v1 import catalog_pb2 as catalog

resource = Resource("repositories")
_REPOSITORY = catalog.Repository.DESCRIPTOR
_ONE = reference(_REPOSITORY)
_OWNER = Parameter("owner", text(39), note="Only repositories of this account.")
_NEW = record(
    {"name": text(64, pattern=REPOSITORY_PATTERN), "visibility": VISIBILITY},
    {"owner": text(39, pattern=NAME_PATTERN, note="Yourself, if left out, or an organisation.")},
)
_CHANGE = record(
    {}, {"visibility": VISIBILITY, "archived": {"type": "boolean"}, "name": text(64, pattern=REPOSITORY_PATTERN)}
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
    """Makes an empty repository of the caller, or of an organisation in which one has the role maintain."""
    request = catalog.CreateRepositoryRequest(
        owner=call.body.get("owner", call.account),
        name=call.body["name"],
        visibility=visibility(call.body["visibility"]),
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
    body=_CHANGE,
    scope=Scope.WRITE,
)
def update_repository(call: Call, owner: str, name: str) -> Reply:
    """Makes it public or private, or read-only or not, or gives it another name, to which the old one leads."""
    if len(call.body) != 1:
        raise Invalid("Change one thing at a time.", hint="Send `visibility`, `archived` or `name`.")
    if "visibility" in call.body:
        seen = visibility(call.body["visibility"])
        asked = catalog.UpdateRepositoryRequest(owner=owner, name=name, visibility=seen)
        return Reply(to_json(ask(call.hub.clients.catalog.UpdateRepository, asked).repository))
    if "archived" in call.body:
        kept = access.ArchiveRepositoryRequest(owner=owner, name=name, archived=call.body["archived"])
        return Reply(to_json(ask(call.hub.clients.access.ArchiveRepository, kept).repository))
    named = access.RenameRepositoryRequest(owner=owner, name=name, new_name=call.body["name"])
    return Reply(to_json(ask(call.hub.clients.access.RenameRepository, named).repository))


@resource.route("DELETE", "/v1/repos/{owner}/{name}", "Delete a repository", Answer(204), scope=Scope.WRITE)
def delete_repository(call: Call, owner: str, name: str) -> Reply:
    """For good: its names are free at once; forks keep what they have, and see a tombstone where it was."""
    ask(call.hub.clients.access.DeleteRepository, access.DeleteRepositoryRequest(owner=owner, name=name))
    return Reply({})
