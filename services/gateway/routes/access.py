"""Roles on a repository, and handing it on."""

from __future__ import annotations

from services.gateway.clients import ask
from services.gateway.domain.credentials import NAME_PATTERN, Scope
from services.gateway.rest.messages import to_json
from services.gateway.rest.route import Answer, Call, Parameter, Reply, Resource
from services.gateway.rest.schema import choice, listing, record, reference, text
from services.stubs.voicehub.catalog.v1 import access_pb2 as access
from services.stubs.voicehub.catalog.v1 import catalog_pb2 as catalog

resource = Resource("access")
ROLE = choice("read", "triage", "write", "maintain", "admin")
_REPO = "/v1/repos/{owner}/{name}"
_GRANT, _TRANSFER = reference(access.Grant.DESCRIPTOR), reference(access.Transfer.DESCRIPTOR)
_OFFER = record({"new_owner": text(39, pattern=NAME_PATTERN, note="An account or an organisation.")})
_MADE = Parameter("made", choice("true", "false"), note="What you have offered, instead of what is offered to you.")
_REPOSITORY = reference(catalog.Repository.DESCRIPTOR)


@resource.route(
    "GET",
    _REPO + "/collaborators",
    "List collaborators",
    Answer(200, record({"items": listing(_GRANT)})),
    scope=Scope.READ,
    messages=(access.Grant.DESCRIPTOR,),
)
def list_collaborators(call: Call, owner: str, name: str) -> Reply:
    """For who has the role write."""
    found = ask(call.hub.clients.access.ListCollaborators, access.ListCollaboratorsRequest(owner=owner, name=name))
    return Reply({"items": [to_json(one) for one in found.collaborators]})


@resource.route(
    "PUT",
    _REPO + "/collaborators/{account}",
    "Give a role",
    Answer(200, _GRANT),
    body=record({"role": ROLE}),
    scope=Scope.WRITE,
)
def set_collaborator(call: Call, owner: str, name: str, account: str) -> Reply:
    """Needs admin.

    read: see what is private; triage: close what others opened; write: push and merge; maintain: protect and force
    refs; admin: everything.
    """
    grant = access.Grant(account=call.hub.accounts.person(account).name, role=call.body["role"])
    request = access.SetCollaboratorRequest(owner=owner, name=name, grant=grant)
    return Reply(to_json(ask(call.hub.clients.access.SetCollaborator, request).grant))


@resource.route("DELETE", _REPO + "/collaborators/{account}", "Take a role back", Answer(204), scope=Scope.WRITE)
def remove_collaborator(call: Call, owner: str, name: str, account: str) -> Reply:
    """Needs admin, or one gives one's own up."""
    request = access.RemoveCollaboratorRequest(owner=owner, name=name, account=account)
    ask(call.hub.clients.access.RemoveCollaborator, request)
    return Reply({})


@resource.route(
    "PUT",
    _REPO + "/transfer",
    "Offer a repository",
    Answer(200, _TRANSFER),
    body=_OFFER,
    scope=Scope.WRITE,
    messages=(access.Transfer.DESCRIPTOR,),
)
def offer_transfer(call: Call, owner: str, name: str) -> Reply:
    """It changes its owner when the other side accepts. Needs admin."""
    new_owner = call.hub.accounts.get(call.body["new_owner"]).name
    request = access.OfferTransferRequest(owner=owner, name=name, new_owner=new_owner)
    return Reply(to_json(ask(call.hub.clients.access.OfferTransfer, request).transfer))


@resource.route("DELETE", _REPO + "/transfer", "Take an offer back", Answer(204), scope=Scope.WRITE)
def withdraw_transfer(call: Call, owner: str, name: str) -> Reply:
    """No error if there was none."""
    ask(call.hub.clients.access.OfferTransfer, access.OfferTransferRequest(owner=owner, name=name))
    return Reply({})


@resource.route(
    "GET",
    "/v1/transfers",
    "List offers",
    Answer(200, record({"items": listing(_TRANSFER)})),
    parameters=(_MADE,),
    scope=Scope.READ,
)
def list_transfers(call: Call) -> Reply:
    """Repositories offered to you, or to an organisation that you administer; or by you and by these."""
    request = access.ListTransfersRequest(made=call.query.get("made") == "true")
    found = ask(call.hub.clients.access.ListTransfers, request)
    return Reply({"items": [to_json(one) for one in found.transfers]})


@resource.route(
    "POST", "/v1/transfers/{transfer}/accept", "Accept an offer", Answer(200, _REPOSITORY), scope=Scope.WRITE
)
def accept_transfer(call: Call, transfer: str) -> Reply:
    """The repository is yours; its old name leads to it, and an account that gave it keeps the role write."""
    request = access.AnswerTransferRequest(id=transfer, accepted=True)
    return Reply(to_json(ask(call.hub.clients.access.AnswerTransfer, request).repository))


@resource.route("POST", "/v1/transfers/{transfer}/decline", "Decline an offer", Answer(204), scope=Scope.WRITE)
def decline_transfer(call: Call, transfer: str) -> Reply:
    """Nothing changes."""
    ask(call.hub.clients.access.AnswerTransfer, access.AnswerTransferRequest(id=transfer))
    return Reply({})
