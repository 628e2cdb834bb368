"""Issues of a repository."""

from __future__ import annotations

from services.common.errors import NotFound
from services.gateway.clients import ask
from services.gateway.domain.credentials import Scope
from services.gateway.rest.messages import to_json
from services.gateway.rest.route import Answer, Call, Parameter, Reply, Resource
from services.gateway.rest.schema import choice, listing, page_of, record, reference, text
from services.gateway.routes.shared import PAGE, page
from services.stubs.voicehub.catalog.v1 import issues_pb2 as pb

resource = Resource("issues")
_ALL = "/v1/repos/{owner}/{name}/issues"
_ONE = _ALL + "/{number}"
_ISSUE, _COMMENT = pb.Issue.DESCRIPTOR, pb.IssueComment.DESCRIPTOR
_FILTERS = (
    Parameter("state", choice("open", "closed", "all"), note="`open` if not said."),
    Parameter("label", text(32), note="Only issues with this label."),
)
_NEW = record({"title": text(200)}, {"body": text(8000, least=0)})
_CHANGE = record({}, {"state": choice("open", "closed"), "labels": listing(text(32), most=16)})
MOST = 9


@resource.route("GET", _ALL, "List issues", Answer(200, page_of(reference(_ISSUE))), parameters=(*_FILTERS, *PAGE))
def list_issues(call: Call, owner: str, name: str) -> Reply:
    """Newest first."""
    state, label = call.query.get("state", ""), call.query.get("label", "")
    request = pb.ListIssuesRequest(owner=owner, name=name, state=state, label=label, page=page(call))
    found = ask(call.hub.clients.issues.ListIssues, request)
    return Reply({"items": [to_json(one) for one in found.issues], "next_cursor": found.next_cursor})


@resource.route(
    "POST", _ALL, "Open an issue", Answer(201, reference(_ISSUE)), body=_NEW, scope=Scope.WRITE, messages=(_ISSUE,)
)
def create_issue(call: Call, owner: str, name: str) -> Reply:
    """Whoever reads the repository may."""
    body = call.body
    request = pb.CreateIssueRequest(
        owner=owner, name=name, title=body["title"], body=body.get("body", ""), idempotency_key=call.key
    )
    return Reply(to_json(ask(call.hub.clients.issues.CreateIssue, request).issue))


@resource.route("GET", _ONE, "Look at an issue", Answer(200, reference(_ISSUE)))
def get_issue(call: Call, owner: str, name: str, number: str) -> Reply:
    """By its number."""
    request = pb.GetIssueRequest(owner=owner, name=name, number=_number(number))
    return Reply(to_json(ask(call.hub.clients.issues.GetIssue, request).issue))


@resource.route("PATCH", _ONE, "Change an issue", Answer(200, reference(_ISSUE)), body=_CHANGE, scope=Scope.WRITE)
def update_issue(call: Call, owner: str, name: str, number: str) -> Reply:
    """Its author and those who manage the repository open and close it; these label it, too."""
    request = pb.UpdateIssueRequest(owner=owner, name=name, number=_number(number), state=call.body.get("state", ""))
    if "labels" in call.body:
        request.labels.CopyFrom(pb.Labels(names=call.body["labels"]))
    return Reply(to_json(ask(call.hub.clients.issues.UpdateIssue, request).issue))


@resource.route(
    "GET", _ONE + "/comments", "List comments of an issue", Answer(200, page_of(reference(_COMMENT))), parameters=PAGE
)
def list_issue_comments(call: Call, owner: str, name: str, number: str) -> Reply:
    """Oldest first."""
    request = pb.ListIssueCommentsRequest(owner=owner, name=name, number=_number(number), page=page(call))
    found = ask(call.hub.clients.issues.ListIssueComments, request)
    return Reply({"items": [to_json(one) for one in found.comments], "next_cursor": found.next_cursor})


@resource.route(
    "POST",
    _ONE + "/comments",
    "Comment on an issue",
    Answer(201, reference(_COMMENT)),
    body=record({"text": text(8000)}),
    scope=Scope.WRITE,
    messages=(_COMMENT,),
)
def create_issue_comment(call: Call, owner: str, name: str, number: str) -> Reply:
    """Told to whoever takes part."""
    request = pb.CreateIssueCommentRequest(
        owner=owner, name=name, number=_number(number), text=call.body["text"], idempotency_key=call.key
    )
    return Reply(to_json(ask(call.hub.clients.issues.CreateIssueComment, request).comment))


def _number(written: str) -> int:
    if not (written.isascii() and written.isdigit() and len(written) <= MOST):
        raise NotFound("There is no issue of this number.", hint="List the issues to see their numbers.")
    return int(written)
