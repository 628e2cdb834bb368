"""The gRPC surface of refs and history."""

from __future__ import annotations

import grpc

from services.catalog import messages as catalog_messages
from services.catalog import paging
from services.catalog.collaboration import log, messages, refs
from services.catalog.domain.graph import compare
from services.catalog.store import history, repositories, versions
from services.catalog.store import refs as store
from services.common import rpc
from services.common.database import Database
from services.stubs.voicehub.catalog.v1 import refs_pb2 as pb
from services.stubs.voicehub.catalog.v1 import refs_pb2_grpc

# ruff: noqa: N802 - the contract's names


class RefService(refs_pb2_grpc.RefServiceServicer):
    """Refs and history, for the caller of the signed identity."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def ListRefs(self, request: pb.ListRefsRequest, context: grpc.ServicerContext) -> pb.ListRefsResponse:
        """Refs by name."""
        size = paging.page_size(request.page.size)
        after = str(paging.decode("refs", request.page.cursor)) if request.page.cursor else ""
        with self._database.read() as session:
            repository = repositories.readable(session, rpc.caller(), request.owner, request.name)
            rows = store.page_of(session, repository, after, size)
        cursor = paging.encode("refs", rows[size - 1].name) if len(rows) > size else ""
        return pb.ListRefsResponse(refs=[messages.ref(row) for row in rows[:size]], next_cursor=cursor)

    def GetRef(self, request: pb.GetRefRequest, context: grpc.ServicerContext) -> pb.GetRefResponse:
        """One ref."""
        with self._database.read() as session:
            repository = repositories.readable(session, rpc.caller(), request.owner, request.name)
            return pb.GetRefResponse(ref=messages.ref(store.get(session, repository, request.ref)))

    def SetRef(self, request: pb.SetRefRequest, context: grpc.ServicerContext) -> pb.SetRefResponse:
        """Makes or moves a ref."""
        with self._database.write() as session:
            return pb.SetRefResponse(ref=messages.ref(refs.set_ref(session, rpc.caller(), request)))

    def DeleteRef(self, request: pb.DeleteRefRequest, context: grpc.ServicerContext) -> pb.DeleteRefResponse:
        """Takes a name away."""
        with self._database.write() as session:
            refs.delete_ref(session, rpc.caller(), request)
        return pb.DeleteRefResponse()

    def ProtectRef(self, request: pb.ProtectRefRequest, context: grpc.ServicerContext) -> pb.ProtectRefResponse:
        """Protects a ref, or lifts that."""
        with self._database.write() as session:
            return pb.ProtectRefResponse(ref=messages.ref(refs.protect_ref(session, rpc.caller(), request)))

    def ListHistory(self, request: pb.ListHistoryRequest, context: grpc.ServicerContext) -> pb.ListHistoryResponse:
        """What led to a version, newest first."""
        with self._database.read() as session:
            repository = repositories.readable(session, rpc.caller(), request.owner, request.name)
            rows, cursor = log.page_of(session, repository, request.ref, request.page)
        shown = [catalog_messages.version(r, repository.owner, repository.name, versions.Parts()) for r in rows]
        return pb.ListHistoryResponse(versions=shown, next_cursor=cursor)

    def CompareVersions(
        self, request: pb.CompareVersionsRequest, context: grpc.ServicerContext
    ) -> pb.CompareVersionsResponse:
        """What two versions of a repository have and lack of each other."""
        with self._database.read() as session:
            repository = repositories.readable(session, rpc.caller(), request.owner, request.name)
            base, head = (refs.held_lookup(session, repository, ref).id for ref in (request.base, request.head))
            found = compare(history.lookup(session), base, head)
        return pb.CompareVersionsResponse(
            base=base, head=head, merge_bases=found.merge_bases, ahead=found.ahead, behind=found.behind
        )
