"""Pull requests: asked, heard, discussed, reviewed, merged."""

from __future__ import annotations

from typing import Any

from services.common.errors import NotFound
from services.gateway.clients import ask
from services.gateway.domain.credentials import Scope
from services.gateway.rest.messages import to_json, to_struct
from services.gateway.rest.route import Answer, Call, Parameter, Reply, Resource
from services.gateway.rest.schema import FREE_OBJECT, choice, page_of, record, reference, text
from services.gateway.routes.shared import PAGE, page
from services.stubs.voicehub.catalog.v1 import pulls_pb2 as pulls

resource = Resource("pull requests")
BASE = "/v1/repos/{owner}/{name}/pulls"
ONE = BASE + "/{number}"
_PULL = reference(pulls.Pull.DESCRIPTOR)
_STATES = {"open": pulls.PULL_STATE_OPEN, "merged": pulls.PULL_STATE_MERGED, "closed": pulls.PULL_STATE_CLOSED}
_STRATEGIES = {"fast-forward": pulls.MERGE_STRATEGY_FAST_FORWARD, "weights": pulls.MERGE_STRATEGY_WEIGHTS}
_NEW = record(
    {"title": text(200)},
    {
        "body": text(20_000, least=0),
        "base": text(64, note="Branch that takes over; `main` if not said."),
        "head": text(64, note="Branch that is taken over; `main` if not said."),
        "head_owner": text(64, note="Owner of the fork; this repository's if not said."),
        "head_name": text(64, note="Name of the fork; this repository's if not said."),
    },
)
_MERGE = record(
    {"head": text(32, note="Id of the head that you heard; 409 if it is another one now.")},
    {
        "strategy": choice(*_STRATEGIES),
        "options": {**FREE_OBJECT, "description": "Of a merge of weights: strategy, choices by module."},
    },
)


def place(owner: str, name: str, number: str) -> dict[str, Any]:
    """The fields that name a pull request; NotFound for what is no number."""
    if not number.isascii() or not number.isdigit() or len(number) > 9:
        raise NotFound("A pull request has a number.", hint="List them with GET …/pulls.", reason="PULL_NOT_FOUND")
    return {"owner": owner, "name": name, "number": int(number)}


@resource.route(
    "POST",
    BASE,
    "Open a pull request",
    Answer(201, _PULL),
    body=_NEW,
    scope=Scope.WRITE,
    once=True,
    messages=(pulls.Pull.DESCRIPTOR,),
)
def open_pull(call: Call, owner: str, name: str) -> Reply:
    """Asks that a branch takes over another one, of this repository or of a fork. Its head can be heard as `pull-7`."""
    request = pulls.OpenPullRequest(
        owner=owner,
        name=name,
        base_ref=call.body.get("base", ""),
        head_owner=call.body.get("head_owner", ""),
        head_name=call.body.get("head_name", ""),
        head_ref=call.body.get("head", ""),
        title=call.body["title"],
        body=call.body.get("body", ""),
    )
    made = ask(call.hub.clients.pulls.OpenPull, request).pull
    return Reply(to_json(made), {"Location": f"/v1/repos/{owner}/{name}/pulls/{made.number}"})


@resource.route(
    "GET",
    BASE,
    "List pull requests",
    Answer(200, page_of(_PULL)),
    parameters=(Parameter("state", choice(*_STATES)), *PAGE),
)
def list_pulls(call: Call, owner: str, name: str) -> Reply:
    """Newest first, without comparison and checks."""
    state = _STATES.get(call.query.get("state", ""), pulls.PULL_STATE_UNSPECIFIED)
    request = pulls.ListPullsRequest(owner=owner, name=name, state=state, page=page(call))
    found = ask(call.hub.clients.pulls.ListPulls, request)
    return Reply({"items": [to_json(one) for one in found.pulls], "next_cursor": found.next_cursor})


@resource.route("GET", ONE, "Look at a pull request", Answer(200, _PULL))
def get_pull(call: Call, owner: str, name: str, number: str) -> Reply:
    """With what must hold before a merge, check by check."""
    request = pulls.GetPullRequest(**place(owner, name, number))
    return Reply(to_json(ask(call.hub.clients.pulls.GetPull, request).pull))


@resource.route("POST", ONE + "/close", "Close a pull request", Answer(200, _PULL), scope=Scope.WRITE)
def close_pull(call: Call, owner: str, name: str, number: str) -> Reply:
    """Unmerged; its author may, and who has the role triage."""
    request = pulls.ClosePullRequest(**place(owner, name, number))
    return Reply(to_json(ask(call.hub.clients.pulls.ClosePull, request).pull))


@resource.route("POST", ONE + "/merge", "Merge a pull request", Answer(200, _PULL), body=_MERGE, scope=Scope.WRITE)
def merge_pull(call: Call, owner: str, name: str, number: str) -> Reply:
    """Moves the branch forward; 422 names each check that has not passed.

    With `weights` the hub merges the weights of both sides first; the result is judged as the head, then merged, or the
    old head is back and `merge_failure` says why.
    """
    request = pulls.MergePullRequest(
        **place(owner, name, number),
        expected_head=call.body["head"],
        strategy=_STRATEGIES[call.body.get("strategy", "fast-forward")],
        options=to_struct(call.body.get("options", {}), "options"),
    )
    return Reply(to_json(ask(call.hub.clients.pulls.MergePull, request).pull))
