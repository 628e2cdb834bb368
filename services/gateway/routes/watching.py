"""Watching repositories, and what the caller is told."""

from __future__ import annotations

from services.gateway.clients import ask
from services.gateway.domain.credentials import Scope
from services.gateway.rest.messages import to_json
from services.gateway.rest.route import Answer, Call, Parameter, Reply, Resource
from services.gateway.rest.schema import choice, number, page_of, record, reference
from services.gateway.routes.shared import PAGE, page
from services.stubs.voicehub.catalog.v1 import watching_pb2 as pb

resource = Resource("watching")
_REPO = "/v1/repos/{owner}/{name}"
_NOTICE = pb.Notice.DESCRIPTOR
_WATCH = record({"watching": {"type": "boolean"}, "watchers": {"type": "integer"}})
_UNREAD = Parameter("unread", choice("true", "false"), note="Only what was not read yet.")


@resource.route("PUT", _REPO + "/watch", "Watch", Answer(200, _WATCH), scope=Scope.WRITE)
def add_watch(call: Call, owner: str, name: str) -> Reply:
    """One is told of new versions, comments, issues and pull requests there; of one's own one always is."""
    return _watch(call, owner, name, watching=True)


@resource.route("DELETE", _REPO + "/watch", "Watch no more", Answer(200, _WATCH), scope=Scope.WRITE)
def remove_watch(call: Call, owner: str, name: str) -> Reply:
    """No error if one did not."""
    return _watch(call, owner, name, watching=False)


@resource.route(
    "GET",
    "/v1/notifications",
    "Read what you are told",
    Answer(200, page_of(reference(_NOTICE))),
    scope=Scope.READ,
    parameters=(_UNREAD, *PAGE),
    messages=(_NOTICE,),
)
def list_notices(call: Call) -> Reply:
    """Newest first; nothing of what one may not see any more."""
    request = pb.ListNoticesRequest(unread_only=call.query.get("unread") == "true", page=page(call))
    found = ask(call.hub.clients.watching.ListNotices, request)
    return Reply({"items": [to_json(one) for one in found.notices], "next_cursor": found.next_cursor})


@resource.route(
    "POST",
    "/v1/notifications/read",
    "Mark as read",
    Answer(200, record({"up_to": {"type": "integer"}})),
    body=record({}, {"up_to": number(0, (1 << 31) - 1, note="Number of a notice; all if not said.")}),
    scope=Scope.WRITE,
)
def mark_notices_read(call: Call) -> Reply:
    """Everything up to a notice."""
    request = pb.MarkNoticesReadRequest(up_to=call.body.get("up_to", 0))
    return Reply({"up_to": ask(call.hub.clients.watching.MarkNoticesRead, request).up_to})


def _watch(call: Call, owner: str, name: str, *, watching: bool) -> Reply:
    request = pb.SetWatchRequest(owner=owner, name=name, watching=watching)
    found = ask(call.hub.clients.watching.SetWatch, request)
    return Reply({"watching": found.watching, "watchers": found.watchers})
