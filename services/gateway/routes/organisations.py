"""Organisations: owners that are not one person."""

from __future__ import annotations

from services.common.errors import Conflict
from services.gateway.clients import ask
from services.gateway.domain.credentials import NAME_PATTERN, RESERVED_NAMES, Scope
from services.gateway.rest.messages import to_json
from services.gateway.rest.route import Answer, Call, Reply, Resource
from services.gateway.rest.schema import listing, page_of, record, reference, text
from services.gateway.routes.access import ROLE
from services.gateway.routes.shared import PAGE, page
from services.stubs.voicehub.catalog.v1 import access_pb2 as access

resource = Resource("organisations")
_BASE = "/v1/organisations"
_ONE, _GRANT = reference(access.Organisation.DESCRIPTOR), reference(access.Grant.DESCRIPTOR)


@resource.route(
    "POST",
    _BASE,
    "Make an organisation",
    Answer(201, _ONE),
    body=record({"name": text(39, pattern=NAME_PATTERN)}),
    scope=Scope.WRITE,
    messages=(access.Organisation.DESCRIPTOR,),
)
def create_organisation(call: Call) -> Reply:
    """You are its admin. Its name is one of accounts: nobody can have it besides."""
    name = call.body["name"]
    if name in RESERVED_NAMES:
        raise Conflict(f"The name {name} is taken.", hint="Choose another name.", fields={"name": "is taken"})
    call.hub.accounts.reserve(name, call.account)
    request = access.CreateOrganisationRequest(name=name)
    return Reply(to_json(ask(call.hub.clients.organisations.CreateOrganisation, request).organisation))


@resource.route("GET", _BASE, "List your organisations", Answer(200, page_of(_ONE)), parameters=PAGE, scope=Scope.READ)
def list_organisations(call: Call) -> Reply:
    """Those that you belong to."""
    found = ask(call.hub.clients.organisations.ListOrganisations, access.ListOrganisationsRequest(page=page(call)))
    return Reply({"items": [to_json(one) for one in found.organisations], "next_cursor": found.next_cursor})


@resource.route(
    "GET",
    _BASE + "/{organisation}/members",
    "List members",
    Answer(200, record({"items": listing(_GRANT)})),
    scope=Scope.READ,
)
def list_members(call: Call, organisation: str) -> Reply:
    """For members; for others 404."""
    found = ask(call.hub.clients.organisations.ListMembers, access.ListMembersRequest(organisation=organisation))
    return Reply({"items": [to_json(one) for one in found.members]})


@resource.route(
    "PUT",
    _BASE + "/{organisation}/members/{account}",
    "Add a member",
    Answer(200, _GRANT),
    body=record({"role": ROLE}),
    scope=Scope.WRITE,
)
def set_member(call: Call, organisation: str, account: str) -> Reply:
    """The role holds on every repository of the organisation. Needs admin."""
    grant = access.Grant(account=call.hub.accounts.person(account).name, role=call.body["role"])
    request = access.SetMemberRequest(organisation=organisation, grant=grant)
    return Reply(to_json(ask(call.hub.clients.organisations.SetMember, request).grant))


@resource.route(
    "DELETE", _BASE + "/{organisation}/members/{account}", "End a membership", Answer(204), scope=Scope.WRITE
)
def remove_member(call: Call, organisation: str, account: str) -> Reply:
    """Needs admin, or one leaves oneself; the last admin stays."""
    request = access.RemoveMemberRequest(organisation=organisation, account=account)
    ask(call.hub.clients.organisations.RemoveMember, request)
    return Reply({})


@resource.route("DELETE", _BASE + "/{organisation}", "Delete an organisation", Answer(204), scope=Scope.WRITE)
def delete_organisation(call: Call, organisation: str) -> Reply:
    """Needs admin; 409 names the repositories that it still owns. Only you can make one of its name again."""
    stub, request = call.hub.clients.organisations, access.DeleteOrganisationRequest(name=organisation)
    members = ask(stub.ListMembers, access.ListMembersRequest(organisation=organisation)).members
    if access.Grant(account=call.account, role="admin") in members:  # others are refused
        call.hub.accounts.hand_over(organisation, call.account)
    ask(stub.DeleteOrganisation, request)
    call.hub.accounts.give_up(organisation, call.account)
    return Reply({})
