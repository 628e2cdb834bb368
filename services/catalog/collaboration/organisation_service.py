"""The gRPC surface of organisations."""

from __future__ import annotations

import grpc

from services.catalog import paging
from services.catalog.collaboration import access, messages
from services.catalog.domain.roles import Role
from services.catalog.domain.visibility import require_account
from services.catalog.store import people
from services.common import rpc
from services.common.database import Database
from services.stubs.voicehub.catalog.v1 import access_pb2 as pb
from services.stubs.voicehub.catalog.v1 import access_pb2_grpc

# ruff: noqa: N802 - the contract's names


class OrganisationService(access_pb2_grpc.OrganisationServiceServicer):
    """Organisations and their members, for the caller of the signed identity."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def CreateOrganisation(
        self, request: pb.CreateOrganisationRequest, context: grpc.ServicerContext
    ) -> pb.CreateOrganisationResponse:
        """Led by the caller."""
        with self._database.write() as session:
            row = access.create_organisation(session, rpc.caller(), request.name)
        return pb.CreateOrganisationResponse(organisation=messages.organisation(row, Role.ADMIN))

    def ListOrganisations(
        self, request: pb.ListOrganisationsRequest, context: grpc.ServicerContext
    ) -> pb.ListOrganisationsResponse:
        """The caller's, by name."""
        account, size = require_account(rpc.caller()), paging.page_size(request.page.size)
        after = str(paging.decode("organisations", request.page.cursor)) if request.page.cursor else ""
        with self._database.read() as session:
            found = people.organisations_of(session, account, after, size)
        cursor = paging.encode("organisations", found[size - 1][0].name) if len(found) > size else ""
        answer = [messages.organisation(row, role) for row, role in found[:size]]
        return pb.ListOrganisationsResponse(organisations=answer, next_cursor=cursor)

    def ListMembers(self, request: pb.ListMembersRequest, context: grpc.ServicerContext) -> pb.ListMembersResponse:
        """For members."""
        with self._database.read() as session:
            access.require_member(session, rpc.caller(), request.organisation, Role.READ)
            found = people.members(session, request.organisation)
        return pb.ListMembersResponse(members=[messages.grant(one.account, one.role) for one in found])

    def SetMember(self, request: pb.SetMemberRequest, context: grpc.ServicerContext) -> pb.SetMemberResponse:
        """Gives a role."""
        with self._database.write() as session:
            role = access.set_member(session, rpc.caller(), request)
        return pb.SetMemberResponse(grant=messages.grant(request.grant.account, role))

    def RemoveMember(self, request: pb.RemoveMemberRequest, context: grpc.ServicerContext) -> pb.RemoveMemberResponse:
        """Ends a membership."""
        with self._database.write() as session:
            access.remove_member(session, rpc.caller(), request)
        return pb.RemoveMemberResponse()

    def DeleteOrganisation(
        self, request: pb.DeleteOrganisationRequest, context: grpc.ServicerContext
    ) -> pb.DeleteOrganisationResponse:
        """Ends one that owns nothing any more."""
        with self._database.write() as session:
            access.delete_organisation(session, rpc.caller(), request.name)
        return pb.DeleteOrganisationResponse()
