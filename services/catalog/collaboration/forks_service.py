"""The gRPC surface of forks and lineage."""

from __future__ import annotations

import grpc

from services.catalog.collaboration import forks, lineage, messages
from services.catalog.collaboration.shown import shown
from services.common import rpc
from services.common.database import Database
from services.stubs.voicehub.catalog.v1 import forks_pb2 as pb
from services.stubs.voicehub.catalog.v1 import forks_pb2_grpc

# ruff: noqa: N802 - the contract's names


class ForkService(forks_pb2_grpc.ForkServiceServicer):
    """Forks, for the caller of the signed identity."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def ForkRepository(
        self, request: pb.ForkRepositoryRequest, context: grpc.ServicerContext
    ) -> pb.ForkRepositoryResponse:
        """A new repository at the same version."""
        with self._database.write() as session:
            row = forks.fork(session, rpc.caller(), request)
            return pb.ForkRepositoryResponse(repository=shown(session, rpc.caller(), [row])[0])

    def SyncFork(self, request: pb.SyncForkRequest, context: grpc.ServicerContext) -> pb.SyncForkResponse:
        """Fast-forwards to the upstream."""
        with self._database.write() as session:
            row, moved = forks.sync(session, rpc.caller(), request)
            return pb.SyncForkResponse(ref=messages.ref(row), moved=moved)

    def GetLineage(self, request: pb.GetLineageRequest, context: grpc.ServicerContext) -> pb.GetLineageResponse:
        """The family's graph."""
        with self._database.read() as session:
            return lineage.lineage(session, rpc.caller(), request.owner, request.name)
