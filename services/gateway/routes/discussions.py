"""What people say about a pull request: reviews of its head, and remarks in threads, with sounds."""

from __future__ import annotations

from services.gateway.clients import ask
from services.gateway.domain.credentials import Scope
from services.gateway.rest.messages import to_json
from services.gateway.rest.route import Answer, Call, Reply, Resource
from services.gateway.rest.schema import choice, listing, page_of, record, reference, text
from services.gateway.routes.pulls import ONE, place
from services.gateway.routes.shared import PAGE, page
from services.stubs.voicehub.catalog.v1 import pulls_pb2 as pulls
from services.stubs.voicehub.common.v1.common_pb2 import ObjectRef

resource = Resource("pull requests")
_REVIEW, _REMARK = reference(pulls.Review.DESCRIPTOR), reference(pulls.Remark.DESCRIPTOR)
_VERDICTS = {
    "approve": pulls.REVIEW_VERDICT_APPROVE,
    "request-changes": pulls.REVIEW_VERDICT_REQUEST_CHANGES,
}
_NEW_REVIEW = record(
    {"version": text(32, note="Id of the head that you heard."), "verdict": choice(*_VERDICTS)},
    {"text": text(10_000, least=0)},
)
_SNIPPET = record({"version": text(64, note="Ref or id."), "digest": text(64, note="Of a sample or prompt of it.")})
_NEW_REMARK = record({"text": text(10_000, least=0)}, {"thread": text(32), "snippet": _SNIPPET})


@resource.route(
    "POST",
    ONE + "/reviews",
    "Review a pull request",
    Answer(201, _REVIEW),
    body=_NEW_REVIEW,
    scope=Scope.WRITE,
    once=True,
    messages=(pulls.Review.DESCRIPTOR,),
)
def review_pull(call: Call, owner: str, name: str, number: str) -> Reply:
    """A verdict on the head; it counts if you have the role write and are not the author. The last one counts."""
    request = pulls.ReviewPullRequest(
        **place(owner, name, number),
        version=call.body["version"],
        verdict=_VERDICTS[call.body["verdict"]],
        text=call.body.get("text", ""),
    )
    return Reply(to_json(ask(call.hub.clients.pulls.ReviewPull, request).review))


@resource.route("GET", ONE + "/reviews", "List reviews", Answer(200, record({"items": listing(_REVIEW)})))
def list_reviews(call: Call, owner: str, name: str, number: str) -> Reply:
    """Oldest first."""
    found = ask(call.hub.clients.pulls.ListReviews, pulls.ListReviewsRequest(**place(owner, name, number)))
    return Reply({"items": [to_json(one) for one in found.reviews]})


@resource.route(
    "POST",
    ONE + "/remarks",
    "Say something about a pull request",
    Answer(201, _REMARK),
    body=_NEW_REMARK,
    scope=Scope.WRITE,
    once=True,
    messages=(pulls.Remark.DESCRIPTOR,),
)
def create_remark(call: Call, owner: str, name: str, number: str) -> Reply:
    """In a new thread, or in an old one; with a sound of a version, by its digest."""
    request = pulls.CreateRemarkRequest(
        **place(owner, name, number), text=call.body["text"], thread=call.body.get("thread", "")
    )
    snippet = call.body.get("snippet")
    if snippet:
        sound = pulls.Snippet(version=snippet["version"], object=ObjectRef(digest=snippet["digest"]))
        request.snippet.CopyFrom(sound)
    return Reply(to_json(ask(call.hub.clients.pulls.CreateRemark, request).remark))


@resource.route("GET", ONE + "/remarks", "List remarks", Answer(200, page_of(_REMARK)), parameters=PAGE)
def list_remarks(call: Call, owner: str, name: str, number: str) -> Reply:
    """Oldest first."""
    request = pulls.ListRemarksRequest(**place(owner, name, number), page=page(call))
    found = ask(call.hub.clients.pulls.ListRemarks, request)
    return Reply({"items": [to_json(one) for one in found.remarks], "next_cursor": found.next_cursor})


@resource.route("PUT", ONE + "/threads/{thread}/resolved", "Settle a thread", Answer(200, _REMARK), scope=Scope.WRITE)
def resolve_thread(call: Call, owner: str, name: str, number: str, thread: str) -> Reply:
    """Who began it may, the author of the request, and who has the role triage."""
    return _resolve(call, owner, name, number, thread, resolved=True)


@resource.route(
    "DELETE", ONE + "/threads/{thread}/resolved", "Open a thread again", Answer(200, _REMARK), scope=Scope.WRITE
)
def reopen_thread(call: Call, owner: str, name: str, number: str, thread: str) -> Reply:
    """As for settling it."""
    return _resolve(call, owner, name, number, thread, resolved=False)


def _resolve(call: Call, owner: str, name: str, number: str, thread: str, *, resolved: bool) -> Reply:
    request = pulls.ResolveThreadRequest(**place(owner, name, number), thread=thread, resolved=resolved)
    return Reply(to_json(ask(call.hub.clients.pulls.ResolveThread, request).remark))
