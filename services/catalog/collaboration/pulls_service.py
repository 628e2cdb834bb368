"""The gRPC surface of pull requests."""

from __future__ import annotations

import grpc

from services.catalog import paging
from services.catalog.collaboration import discussing, merging, pull_messages
from services.catalog.collaboration import pulls as requests
from services.catalog.store import pulls, repositories
from services.catalog.store.pull_tables import RemarkRow
from services.common import rpc
from services.common.database import Database
from services.stubs.voicehub.catalog.v1 import pulls_pb2 as pb
from services.stubs.voicehub.catalog.v1 import pulls_pb2_grpc

# ruff: noqa: N802 - the contract's names
_STATES = {number: name for name, number in pull_messages.STATES.items()}


class PullService(pulls_pb2_grpc.PullServiceServicer):
    """Pull requests, for the caller of the signed identity."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def OpenPull(self, request: pb.OpenPullRequest, context: grpc.ServicerContext) -> pb.OpenPullResponse:
        """Asks that a branch takes over another one."""
        with self._database.write() as session:
            row = requests.open_pull(session, rpc.caller(), request)
            return pb.OpenPullResponse(pull=pull_messages.whole(session, rpc.caller(), row))

    def GetPull(self, request: pb.GetPullRequest, context: grpc.ServicerContext) -> pb.GetPullResponse:
        """One, with its checks."""
        with self._database.read() as session:
            repository = repositories.readable(session, rpc.caller(), request.owner, request.name)
            row = pulls.get(session, repository, request.number)
            return pb.GetPullResponse(pull=pull_messages.whole(session, rpc.caller(), row))

    def ListPulls(self, request: pb.ListPullsRequest, context: grpc.ServicerContext) -> pb.ListPullsResponse:
        """Newest first."""
        page = paging.read_page("pulls", request.page.size, request.page.cursor)
        with self._database.read() as session:
            repository = repositories.readable(session, rpc.caller(), request.owner, request.name)
            rows = pulls.page_of(session, repository, _STATES.get(request.state, ""), page)
            items, cursor = paging.split("pulls", page, rows, lambda row: row.number)
            shown = [pull_messages.brief(session, rpc.caller(), row) for row in items]
        return pb.ListPullsResponse(pulls=shown, next_cursor=cursor)

    def ClosePull(self, request: pb.ClosePullRequest, context: grpc.ServicerContext) -> pb.ClosePullResponse:
        """Ends it unmerged."""
        with self._database.write() as session:
            row = requests.close(session, rpc.caller(), request)
            return pb.ClosePullResponse(pull=pull_messages.whole(session, rpc.caller(), row))

    def MergePull(self, request: pb.MergePullRequest, context: grpc.ServicerContext) -> pb.MergePullResponse:
        """Merges, or has the weights merged."""
        with self._database.write() as session:
            row = merging.merge(session, rpc.caller(), request)
            return pb.MergePullResponse(pull=pull_messages.whole(session, rpc.caller(), row))

    def ReviewPull(self, request: pb.ReviewPullRequest, context: grpc.ServicerContext) -> pb.ReviewPullResponse:
        """A verdict on the head."""
        with self._database.write() as session:
            made = discussing.review(session, rpc.caller(), request)
            repository = repositories.readable(session, rpc.caller(), request.owner, request.name)
            pull = pulls.get(session, repository, request.number)
            return pb.ReviewPullResponse(review=pull_messages.review(session, repository, pull, made))

    def ListReviews(self, request: pb.ListReviewsRequest, context: grpc.ServicerContext) -> pb.ListReviewsResponse:
        """Oldest first."""
        with self._database.read() as session:
            repository = repositories.readable(session, rpc.caller(), request.owner, request.name)
            pull = pulls.get(session, repository, request.number)
            found = [pull_messages.review(session, repository, pull, r) for r in pulls.reviews(session, pull.id)]
        return pb.ListReviewsResponse(reviews=found)

    def CreateRemark(self, request: pb.CreateRemarkRequest, context: grpc.ServicerContext) -> pb.CreateRemarkResponse:
        """Says something."""
        with self._database.write() as session:
            made = discussing.remark(session, rpc.caller(), request)
        return pb.CreateRemarkResponse(remark=pull_messages.remark(made))

    def ListRemarks(self, request: pb.ListRemarksRequest, context: grpc.ServicerContext) -> pb.ListRemarksResponse:
        """Oldest first."""
        size = paging.page_size(request.page.size)
        with self._database.read() as session:
            after = paging.sequence_of(session, "remarks", request.page.cursor, (RemarkRow.id, RemarkRow.sequence))
            repository = repositories.readable(session, rpc.caller(), request.owner, request.name)
            rows = pulls.remarks_after(session, pulls.get(session, repository, request.number).id, after, size)
        cursor = paging.encode("remarks", rows[size - 1].id) if len(rows) > size else ""
        return pb.ListRemarksResponse(remarks=[pull_messages.remark(r) for r in rows[:size]], next_cursor=cursor)

    def ResolveThread(
        self, request: pb.ResolveThreadRequest, context: grpc.ServicerContext
    ) -> pb.ResolveThreadResponse:
        """Settles a thread, or opens it again."""
        with self._database.write() as session:
            return pb.ResolveThreadResponse(
                remark=pull_messages.remark(discussing.resolve(session, rpc.caller(), request))
            )
