"""What people leave on a repository: stars, comments, reports."""

from __future__ import annotations

from services.gateway.clients import ask
from services.gateway.domain.credentials import Scope
from services.gateway.rest.messages import to_json
from services.gateway.rest.route import Answer, Call, Reply, Resource
from services.gateway.rest.schema import page_of, record, reference, text
from services.gateway.routes.shared import PAGE, page
from services.stubs.voicehub.catalog.v1 import catalog_pb2 as catalog

resource = Resource("people")
_REPO = "/v1/repos/{owner}/{name}"
_COMMENT = catalog.Comment.DESCRIPTOR
_REPOSITORY = reference(catalog.Repository.DESCRIPTOR)


@resource.route("PUT", _REPO + "/star", "Star", Answer(200, _REPOSITORY), scope=Scope.WRITE)
def add_star(call: Call, owner: str, name: str) -> Reply:
    """Starring twice is starring once."""
    return _star(call, owner, name, starred=True)


@resource.route("DELETE", _REPO + "/star", "Take the star back", Answer(200, _REPOSITORY), scope=Scope.WRITE)
def remove_star(call: Call, owner: str, name: str) -> Reply:
    """No error if there was none."""
    return _star(call, owner, name, starred=False)


@resource.route("GET", _REPO + "/comments", "List comments", Answer(200, page_of(reference(_COMMENT))), parameters=PAGE)
def list_comments(call: Call, owner: str, name: str) -> Reply:
    """Comments in pages."""
    request = catalog.ListCommentsRequest(owner=owner, name=name, page=page(call))
    found = ask(call.hub.clients.catalog.ListComments, request)
    return Reply({"items": [to_json(c) for c in found.comments], "next_cursor": found.next_cursor})


@resource.route(
    "POST",
    _REPO + "/comments",
    "Comment",
    Answer(201, reference(_COMMENT)),
    body=record({"text": text(5000)}),
    scope=Scope.WRITE,
    messages=(_COMMENT,),
)
def create_comment(call: Call, owner: str, name: str) -> Reply:
    """Plain text."""
    request = catalog.CreateCommentRequest(owner=owner, name=name, text=call.body["text"], idempotency_key=call.key)
    return Reply(to_json(ask(call.hub.clients.catalog.CreateComment, request).comment))


@resource.route(
    "POST",
    _REPO + "/reports",
    "Report a voice",
    Answer(201, record({"report_id": text(64)})),
    body=record({"reason": text(2000)}),
    scope=Scope.WRITE,
    once=True,
)
def report_repository(call: Call, owner: str, name: str) -> Reply:
    """For a voice that breaks the law, a licence or somebody's consent."""
    request = catalog.ReportRepositoryRequest(owner=owner, name=name, reason=call.body["reason"])
    return Reply({"report_id": ask(call.hub.clients.catalog.ReportRepository, request).report_id})


def _star(call: Call, owner: str, name: str, *, starred: bool) -> Reply:
    request = catalog.SetStarRequest(owner=owner, name=name, starred=starred)
    return Reply(to_json(ask(call.hub.clients.catalog.SetStar, request).repository))
