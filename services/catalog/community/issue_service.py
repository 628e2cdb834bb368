"""The gRPC surface of issues."""

from __future__ import annotations

from collections.abc import Sequence

import grpc
from sqlalchemy.orm import Session

from services.catalog import paging
from services.catalog.community import issues
from services.catalog.community.tables import IssueCommentRow, IssueRow
from services.catalog.store import repositories
from services.common import rpc
from services.common.clock import to_timestamp
from services.common.database import Database
from services.stubs.voicehub.catalog.v1 import issues_pb2 as pb
from services.stubs.voicehub.catalog.v1 import issues_pb2_grpc

# ruff: noqa: N802 - the contract's names


class IssueService(issues_pb2_grpc.IssueServiceServicer):
    """Issues of repositories that the caller may read."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def CreateIssue(self, request: pb.CreateIssueRequest, context: grpc.ServicerContext) -> pb.CreateIssueResponse:
        """Opens an issue."""
        with self._database.write() as session:
            row = issues.create(session, rpc.caller(), request)
            return pb.CreateIssueResponse(issue=_shown(session, [row])[0])

    def GetIssue(self, request: pb.GetIssueRequest, context: grpc.ServicerContext) -> pb.GetIssueResponse:
        """One issue."""
        with self._database.read() as session:
            repository = repositories.readable(session, rpc.caller(), request.owner, request.name)
            row = issues.get(session, repository, request.number)
            return pb.GetIssueResponse(issue=_shown(session, [row])[0])

    def ListIssues(self, request: pb.ListIssuesRequest, context: grpc.ServicerContext) -> pb.ListIssuesResponse:
        """Issues, newest first."""
        page = paging.read_page("issues", request.page.size, request.page.cursor)
        with self._database.read() as session:
            repository = repositories.readable(session, rpc.caller(), request.owner, request.name)
            rows = issues.page_of(session, repository, request.state, request.label, page)
            items, cursor = paging.split("issues", page, rows, lambda row: row.number)
            shown = _shown(session, items)
        return pb.ListIssuesResponse(issues=shown, next_cursor=cursor)

    def UpdateIssue(self, request: pb.UpdateIssueRequest, context: grpc.ServicerContext) -> pb.UpdateIssueResponse:
        """Opens, closes, labels."""
        with self._database.write() as session:
            row = issues.update(session, rpc.caller(), request)
            return pb.UpdateIssueResponse(issue=_shown(session, [row])[0])

    def CreateIssueComment(
        self, request: pb.CreateIssueCommentRequest, context: grpc.ServicerContext
    ) -> pb.CreateIssueCommentResponse:
        """Says something about an issue."""
        with self._database.write() as session:
            row = issues.comment(session, rpc.caller(), request)
            return pb.CreateIssueCommentResponse(comment=_comment(row))

    def ListIssueComments(
        self, request: pb.ListIssueCommentsRequest, context: grpc.ServicerContext
    ) -> pb.ListIssueCommentsResponse:
        """What was said, oldest first."""
        size = paging.page_size(request.page.size)
        with self._database.read() as session:
            place = (IssueCommentRow.id, IssueCommentRow.sequence)
            after = paging.sequence_of(session, "issue-comments", request.page.cursor, place)
            repository = repositories.readable(session, rpc.caller(), request.owner, request.name)
            rows = issues.comments_of(session, issues.get(session, repository, request.number), after, size)
        shown = rows[:size]
        cursor = paging.encode("issue-comments", shown[-1].id) if len(rows) > size else ""
        return pb.ListIssueCommentsResponse(comments=[_comment(row) for row in shown], next_cursor=cursor)


def _shown(session: Session, rows: Sequence[IssueRow]) -> list[pb.Issue]:
    labels = issues.labels_of(session, rows)
    return [_issue(row, labels.get(row.id, [])) for row in rows]


def _issue(row: IssueRow, labels: Sequence[str]) -> pb.Issue:
    return pb.Issue(
        number=row.number,
        title=row.title,
        body=row.body,
        author=row.author,
        state=row.state,
        labels=labels,
        comments=row.comments,
        create_time=to_timestamp(row.create_time),
        close_time=to_timestamp(row.close_time),
        closed_by=row.closed_by,
    )


def _comment(row: IssueCommentRow) -> pb.IssueComment:
    return pb.IssueComment(id=row.id, author=row.author, text=row.text, create_time=to_timestamp(row.create_time))
