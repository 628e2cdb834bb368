"""The gRPC surface of transfers."""

from __future__ import annotations

import grpc
from sqlalchemy.orm import Session

from services.catalog.domain.road import DOWNLOADABLE, State
from services.catalog.messages import object_ref
from services.catalog.store import repositories, versions
from services.catalog.store.tables import VersionRow
from services.catalog.transfer import store
from services.catalog.transfer.chains import Step, chain
from services.common import rpc
from services.common.database import Database
from services.common.errors import NotFound
from services.common.identity import Identity
from services.stubs.voicehub.catalog.v1 import transfer_pb2 as pb
from services.stubs.voicehub.catalog.v1 import transfer_pb2_grpc

# ruff: noqa: N802 - the contract's names


class TransferService(transfer_pb2_grpc.TransferServiceServicer):
    """Deltas for the caller of the signed identity."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def ListDeltas(self, request: pb.ListDeltasRequest, context: grpc.ServicerContext) -> pb.ListDeltasResponse:
        """The ways from the version that the caller has; none is no error: whole tensors are always there."""
        with self._database.read() as session:
            version = _readable(session, rpc.caller(), request.owner, request.name, request.version)
            found = store.generations(session, rpc.caller(), version, request.have)
            if not found:
                return pb.ListDeltasResponse()
            had = frozenset(row.digest for row in store.tensors_of(session, request.have))
            wanted = {row.digest: row.size for row in store.tensors_of(session, version.id)}
        ways = {digest: chain(digest, size, had, found) for digest, size in wanted.items() if digest not in had}
        return pb.ListDeltasResponse(deltas=[_shown(digest, steps) for digest, steps in ways.items() if steps])

    def ResolveDelta(self, request: pb.ResolveDeltaRequest, context: grpc.ServicerContext) -> pb.ResolveDeltaResponse:
        """The delta, if it lies between both versions."""
        with self._database.read() as session:
            version = _readable(session, rpc.caller(), request.owner, request.name, request.version)
            found = store.generations(session, rpc.caller(), version, request.have) or []
        for step in (step for steps in found for step in steps.values()):
            if step.digest == request.digest:
                return pb.ResolveDeltaResponse(object=object_ref(step.digest, step.size))
        raise NotFound("There is no such delta.", hint="Take the whole tensor.", reason="OBJECT_NOT_FOUND")


def _readable(session: Session, identity: Identity, owner: str, name: str, ref: str) -> VersionRow:
    version = versions.resolve(session, repositories.readable(session, identity, owner, name), ref)
    if State(version.state) not in DOWNLOADABLE:
        raise NotFound("This version serves nothing.", hint="Its report says why.", reason="OBJECT_NOT_FOUND")
    return version


def _shown(digest: str, steps: list[Step]) -> pb.TensorDelta:
    shown = [pb.DeltaStep(base=s.base, result=s.result, object=object_ref(s.digest, s.size)) for s in steps]
    return pb.TensorDelta(digest=digest, steps=shown)
