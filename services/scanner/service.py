"""The gRPC surface of the scanner."""

from __future__ import annotations

import grpc

from services.common import rpc
from services.common.database import Database
from services.common.errors import Forbidden, NotFound
from services.scanner import messages
from services.scanner.store import ReportStore
from services.stubs.voicehub.scanner.v1 import scanner_pb2, scanner_pb2_grpc

MAY_READ_REPORTS = frozenset({"gateway", "catalog", "trainer", "inference"})


class ScannerService(scanner_pb2_grpc.ScannerServiceServicer):
    """Answers reports to the services of the house, which have decided already who may see the version."""

    def __init__(self, database: Database, store: ReportStore) -> None:
        self._database, self._store = database, store

    def GetReport(  # noqa: N802 - the contract's name
        self, request: scanner_pb2.GetReportRequest, context: grpc.ServicerContext
    ) -> scanner_pb2.GetReportResponse:
        """The report of a version; NotFound before it was scanned."""
        if rpc.caller().service not in MAY_READ_REPORTS:
            raise Forbidden("Reports are read through the gateway.")
        with self._database.read() as session:
            found = self._store.find(session, request.version_id)
        if found is None:
            raise NotFound("This version has no scan report yet.", hint="Try again in a few seconds.")
        return scanner_pb2.GetReportResponse(report=messages.report(found))
