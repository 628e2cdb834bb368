"""The gRPC surface of moderation."""

from __future__ import annotations

import grpc

from services.catalog import paging
from services.catalog.community import moderation
from services.catalog.community.tables import DecisionRow, TakedownRow
from services.catalog.domain.visibility import require_account
from services.catalog.store import repositories
from services.catalog.store.tables import ReportRow, RepositoryRow
from services.common import rpc
from services.common.clock import to_timestamp
from services.common.database import Database
from services.common.structs import to_struct
from services.stubs.voicehub.catalog.v1 import moderation_pb2 as pb
from services.stubs.voicehub.catalog.v1 import moderation_pb2_grpc

# ruff: noqa: N802 - the contract's names


class ModerationService(moderation_pb2_grpc.ModerationServiceServicer):
    """Reports for moderators, take-downs for them and for owners."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def ListReports(self, request: pb.ListReportsRequest, context: grpc.ServicerContext) -> pb.ListReportsResponse:
        """The queue."""
        size = paging.page_size(request.page.size)
        after = str(paging.decode("reports", request.page.cursor)) if request.page.cursor else ""
        with self._database.read() as session:
            moderation.require_moderator(session, rpc.caller())
            rows = moderation.reports(session, request.state or moderation.OPEN, after, size)
        cursor = paging.encode("reports", rows[size - 1][0].id) if len(rows) > size else ""
        return pb.ListReportsResponse(reports=[_report(*row) for row in rows[:size]], next_cursor=cursor)

    def DecideReport(self, request: pb.DecideReportRequest, context: grpc.ServicerContext) -> pb.DecideReportResponse:
        """Dismisses, or takes down."""
        with self._database.write() as session:
            account = moderation.require_moderator(session, rpc.caller())
            report = moderation.decide(session, account, request.id, request.take_down, request.note)
            decision = session.get_one(DecisionRow, report.id)
            repository = repositories.by_id(session, report.repository_id)
            return pb.DecideReportResponse(report=_report(report, decision, repository))

    def ListTakedowns(
        self, request: pb.ListTakedownsRequest, context: grpc.ServicerContext
    ) -> pb.ListTakedownsResponse:
        """Of one's own repositories; for moderators of all, with the evidence."""
        account = require_account(rpc.caller())
        with self._database.read() as session:
            page = paging.page_after(session, "takedowns", request.page, (TakedownRow.id, TakedownRow.sequence))
            every = moderation.is_moderator(session, account)
            rows = moderation.takedowns(session, account, page, every=every)
        items, cursor = paging.split("takedowns", page, rows, lambda row: row[0].id)
        shown = [_takedown(row, repository, every) for row, repository in items]
        return pb.ListTakedownsResponse(takedowns=shown, next_cursor=cursor)

    def Appeal(self, request: pb.AppealRequest, context: grpc.ServicerContext) -> pb.AppealResponse:
        """The owner's word against it."""
        account = require_account(rpc.caller())
        with self._database.write() as session:
            row = moderation.appeal(session, account, request.id, request.text)
            repository = repositories.by_id(session, row.repository_id)
            return pb.AppealResponse(takedown=_takedown(row, repository, False))

    def DecideTakedown(
        self, request: pb.DecideTakedownRequest, context: grpc.ServicerContext
    ) -> pb.DecideTakedownResponse:
        """Restores, or upholds."""
        with self._database.write() as session:
            account = moderation.require_moderator(session, rpc.caller())
            row = moderation.decide_takedown(session, account, request.id, request.restore, request.note)
            repository = repositories.by_id(session, row.repository_id)
            return pb.DecideTakedownResponse(takedown=_takedown(row, repository, True))


def _report(report: ReportRow, decision: DecisionRow | None, repository: RepositoryRow) -> pb.ModerationReport:
    return pb.ModerationReport(
        id=report.id,
        owner=repository.owner,
        name=repository.name,
        reporter=report.account,
        reason=report.reason,
        create_time=to_timestamp(report.create_time),
        state=decision.state if decision else moderation.OPEN,
        moderator=decision.moderator if decision else "",
        note=decision.note if decision else "",
    )


def _takedown(row: TakedownRow, repository: RepositoryRow, with_evidence: bool) -> pb.Takedown:
    return pb.Takedown(
        id=row.id,
        owner=repository.owner,
        name=repository.name,
        reason=row.reason,
        create_time=to_timestamp(row.create_time),
        end_time=to_timestamp(row.end_time),
        appeal=row.appeal,
        appeal_state=row.appeal_state,
        answer=row.answer,
        evidence=to_struct(row.evidence) if with_evidence else None,
    )
