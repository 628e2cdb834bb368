"""The gRPC surface for workers of the house: figures of versions, results of merges."""

from __future__ import annotations

import grpc

from services.catalog import messages
from services.catalog.collaboration import merging, settling
from services.catalog.store import repositories, versions
from services.common import rpc
from services.common.database import Database
from services.common.errors import Forbidden
from services.common.objects import ObjectStore
from services.stubs.voicehub.catalog.v1 import pulls_pb2 as pb
from services.stubs.voicehub.catalog.v1 import pulls_pb2_grpc

# ruff: noqa: N802 - the contract's names


class JudgementService(pulls_pb2_grpc.JudgementServiceServicer):
    """Takes reports of services that speak for themselves; nobody else's figures open a gate."""

    def __init__(self, database: Database, objects: ObjectStore) -> None:
        self._database, self._objects = database, objects

    def RecordEvaluation(
        self, request: pb.RecordEvaluationRequest, context: grpc.ServicerContext
    ) -> pb.RecordEvaluationResponse:
        """Keeps how a version was judged."""
        _require_service()
        with self._database.write() as session:
            settling.judged(session, request.evaluation)
        return pb.RecordEvaluationResponse()

    def CompleteMerge(
        self, request: pb.CompleteMergeRequest, context: grpc.ServicerContext
    ) -> pb.CompleteMergeResponse:
        """Takes the result of a merge of weights."""
        service = _require_service()
        with self._database.write() as session:
            row = merging.complete(session, self._objects, service, request)
            if row is None:
                return pb.CompleteMergeResponse()
            repository = repositories.by_id(session, row.repository_id)
            shown = messages.version(row, repository.owner, repository.name, versions.parts_of(session, row.id))
            return pb.CompleteMergeResponse(version=shown)


def _require_service() -> str:
    identity = rpc.caller()
    if not identity.is_service:
        raise Forbidden("Only services of the house report figures.", hint="Ask for an evaluation instead.")
    return identity.service
