"""Refs and history: branches that move by compare-and-set, tags that stay, what led to a version."""

from __future__ import annotations

from services.gateway.clients import ask
from services.gateway.domain.credentials import Scope
from services.gateway.rest.messages import to_json
from services.gateway.rest.route import Answer, Call, Parameter, Reply, Resource
from services.gateway.rest.schema import Schema, choice, number, page_of, record, reference, text
from services.gateway.routes.shared import PAGE, page
from services.stubs.voicehub.catalog.v1 import catalog_pb2 as catalog
from services.stubs.voicehub.catalog.v1 import refs_pb2 as refs

resource = Resource("refs")
_BASE = "/v1/repos/{owner}/{name}/refs"
_ONE = reference(refs.Ref.DESCRIPTOR)
_KINDS = {"branch": refs.REF_KIND_BRANCH, "tag": refs.REF_KIND_TAG}
_ID: Schema = text(32, least=0, note="Id of the tip that you saw; empty for a ref that is to be made.")
_NEW = record(
    {"version": text(64, note="Ref or id of a published version of this repository."), "expected": _ID},
    {"kind": choice(*_KINDS), "force": {"type": "boolean", "description": "Also if versions are left behind."}},
)
_LIMIT = number(0, 1, kind="number", note="How much lower than the base's the head's may be; 0 is no limit.")
_RULES = record({}, {"approvals": number(0, 10), "similarity_drop": _LIMIT, "intelligibility_drop": _LIMIT})
_COMPARISON = refs.CompareVersionsResponse.DESCRIPTOR


@resource.route("GET", _BASE, "List refs", Answer(200, page_of(_ONE)), parameters=PAGE, messages=(refs.Ref.DESCRIPTOR,))
def list_refs(call: Call, owner: str, name: str) -> Reply:
    """Branches, tags and heads of pull requests, by name."""
    found = ask(call.hub.clients.refs.ListRefs, refs.ListRefsRequest(owner=owner, name=name, page=page(call)))
    return Reply({"items": [to_json(one) for one in found.refs], "next_cursor": found.next_cursor})


@resource.route("GET", _BASE + "/{ref}", "Look at a ref", Answer(200, _ONE))
def get_ref(call: Call, owner: str, name: str, ref: str) -> Reply:
    """`version` is what is read by this name, `tip` what the next push stands on."""
    request = refs.GetRefRequest(owner=owner, name=name, ref=ref)
    return Reply(to_json(ask(call.hub.clients.refs.GetRef, request).ref))


@resource.route("PUT", _BASE + "/{ref}", "Make or move a ref", Answer(200, _ONE), body=_NEW, scope=Scope.WRITE)
def set_ref(call: Call, owner: str, name: str, ref: str) -> Reply:
    """409 with `fields.tip` if the ref does not stand at `expected`: somebody was faster."""
    request = refs.SetRefRequest(
        owner=owner,
        name=name,
        ref=ref,
        version=call.body["version"],
        expected=call.body["expected"],
        kind=_KINDS[call.body.get("kind", "branch")],
        force=call.body.get("force", False),
    )
    return Reply(to_json(ask(call.hub.clients.refs.SetRef, request).ref))


@resource.route(
    "DELETE",
    _BASE + "/{ref}",
    "Take a ref away",
    Answer(204),
    parameters=(Parameter("expected", text(32), required=True, note="Id of the tip that you saw."),),
    scope=Scope.WRITE,
)
def delete_ref(call: Call, owner: str, name: str, ref: str) -> Reply:
    """Its versions stay readable by their ids."""
    request = refs.DeleteRefRequest(owner=owner, name=name, ref=ref, expected=call.query["expected"])
    ask(call.hub.clients.refs.DeleteRef, request)
    return Reply({})


@resource.route("PUT", _BASE + "/{ref}/protection", "Protect a ref", Answer(200, _ONE), body=_RULES, scope=Scope.WRITE)
def protect_ref(call: Call, owner: str, name: str, ref: str) -> Reply:
    """It moves by pull requests only, which need so many approvals and an evaluation within the limits."""
    request = refs.ProtectRefRequest(
        owner=owner, name=name, ref=ref, protected=True, protection=refs.Protection(**call.body)
    )
    return Reply(to_json(ask(call.hub.clients.refs.ProtectRef, request).ref))


@resource.route("DELETE", _BASE + "/{ref}/protection", "Lift a protection", Answer(200, _ONE), scope=Scope.WRITE)
def unprotect_ref(call: Call, owner: str, name: str, ref: str) -> Reply:
    """Pushes reach it directly again."""
    request = refs.ProtectRefRequest(owner=owner, name=name, ref=ref, protected=False)
    return Reply(to_json(ask(call.hub.clients.refs.ProtectRef, request).ref))


@resource.route(
    "GET",
    "/v1/repos/{owner}/{name}/versions/{ref}/history",
    "Read the history of a version",
    Answer(200, page_of(reference(catalog.Version.DESCRIPTOR))),
    parameters=PAGE,
)
def list_history(call: Call, owner: str, name: str, ref: str) -> Reply:
    """What led to it, newest first, without tensors, files, samples and findings."""
    request = refs.ListHistoryRequest(owner=owner, name=name, ref=ref, page=page(call))
    found = ask(call.hub.clients.refs.ListHistory, request)
    return Reply({"items": [to_json(one) for one in found.versions], "next_cursor": found.next_cursor})


@resource.route(
    "GET",
    "/v1/repos/{owner}/{name}/comparison",
    "Compare two versions",
    Answer(200, reference(_COMPARISON)),
    parameters=(Parameter("base", text(64), required=True), Parameter("head", text(64), required=True)),
    messages=(_COMPARISON,),
)
def compare_versions(call: Call, owner: str, name: str) -> Reply:
    """How many versions each has that the other lacks, and their nearest common ancestors."""
    request = refs.CompareVersionsRequest(owner=owner, name=name, base=call.query["base"], head=call.query["head"])
    return Reply(to_json(ask(call.hub.clients.refs.CompareVersions, request)))
