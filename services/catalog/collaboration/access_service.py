"""The gRPC surface of roles and of what becomes of a repository."""

from __future__ import annotations

import grpc

from services.catalog.collaboration import access as roles
from services.catalog.collaboration import messages, ownership
from services.catalog.collaboration.shown import shown
from services.catalog.domain.roles import Role
from services.catalog.domain.visibility import require_account
from services.catalog.store import access, people, repositories
from services.common import rpc
from services.common.database import Database
from services.stubs.voicehub.catalog.v1 import access_pb2 as pb
from services.stubs.voicehub.catalog.v1 import access_pb2_grpc

# ruff: noqa: N802 - the contract's names


class AccessService(access_pb2_grpc.AccessServiceServicer):
    """Collaborators, names, owners, archives and tombstones, for the caller of the signed identity."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def ListCollaborators(
        self, request: pb.ListCollaboratorsRequest, context: grpc.ServicerContext
    ) -> pb.ListCollaboratorsResponse:
        """Who has a role; for who has the role write."""
        with self._database.read() as session:
            row = repositories.readable(session, rpc.caller(), request.owner, request.name)
            access.require(session, rpc.caller(), row, Role.WRITE, archived_too=True)
            found = people.collaborators(session, row.id)
        return pb.ListCollaboratorsResponse(collaborators=[messages.grant(one.account, one.role) for one in found])

    def SetCollaborator(
        self, request: pb.SetCollaboratorRequest, context: grpc.ServicerContext
    ) -> pb.SetCollaboratorResponse:
        """Gives a role."""
        with self._database.write() as session:
            role = roles.set_collaborator(session, rpc.caller(), request)
        return pb.SetCollaboratorResponse(grant=messages.grant(request.grant.account, role))

    def RemoveCollaborator(
        self, request: pb.RemoveCollaboratorRequest, context: grpc.ServicerContext
    ) -> pb.RemoveCollaboratorResponse:
        """Takes a role back."""
        with self._database.write() as session:
            roles.remove_collaborator(session, rpc.caller(), request)
        return pb.RemoveCollaboratorResponse()

    def RenameRepository(
        self, request: pb.RenameRepositoryRequest, context: grpc.ServicerContext
    ) -> pb.RenameRepositoryResponse:
        """Another name under the same owner."""
        with self._database.write() as session:
            row = ownership.rename(session, rpc.caller(), request)
            return pb.RenameRepositoryResponse(repository=shown(session, rpc.caller(), [row])[0])

    def ArchiveRepository(
        self, request: pb.ArchiveRepositoryRequest, context: grpc.ServicerContext
    ) -> pb.ArchiveRepositoryResponse:
        """Read-only, or open again."""
        with self._database.write() as session:
            row = ownership.archive(session, rpc.caller(), request)
            return pb.ArchiveRepositoryResponse(repository=shown(session, rpc.caller(), [row])[0])

    def DeleteRepository(
        self, request: pb.DeleteRepositoryRequest, context: grpc.ServicerContext
    ) -> pb.DeleteRepositoryResponse:
        """Leaves a tombstone."""
        with self._database.write() as session:
            ownership.remove(session, rpc.caller(), request)
        return pb.DeleteRepositoryResponse()

    def OfferTransfer(
        self, request: pb.OfferTransferRequest, context: grpc.ServicerContext
    ) -> pb.OfferTransferResponse:
        """Offers it to another owner."""
        with self._database.write() as session:
            made = ownership.offer(session, rpc.caller(), request)
            return pb.OfferTransferResponse(transfer=messages.transfer(session, made) if made else None)

    def ListTransfers(
        self, request: pb.ListTransfersRequest, context: grpc.ServicerContext
    ) -> pb.ListTransfersResponse:
        """Offers that wait for the caller, or that the caller's side made."""
        account = require_account(rpc.caller())
        offers = people.transfers_from if request.made else people.transfers_to
        with self._database.read() as session:
            found = [messages.transfer(session, one) for one in offers(session, account)]
        return pb.ListTransfersResponse(transfers=found)

    def AnswerTransfer(
        self, request: pb.AnswerTransferRequest, context: grpc.ServicerContext
    ) -> pb.AnswerTransferResponse:
        """Takes or declines it."""
        with self._database.write() as session:
            row = ownership.answer(session, rpc.caller(), request)
            return pb.AnswerTransferResponse(repository=shown(session, rpc.caller(), [row])[0] if row else None)
