"""The gRPC surface of watching."""

from __future__ import annotations

import grpc

from services.catalog import paging
from services.catalog.community import notices
from services.catalog.community.tables import NoticeRow
from services.catalog.domain.visibility import require_account
from services.catalog.store import repositories
from services.catalog.store.tables import RepositoryRow
from services.common import rpc
from services.common.clock import to_timestamp
from services.common.database import Database
from services.stubs.voicehub.catalog.v1 import watching_pb2 as pb
from services.stubs.voicehub.catalog.v1 import watching_pb2_grpc

# ruff: noqa: N802 - the contract's names


class WatchService(watching_pb2_grpc.WatchServiceServicer):
    """What the caller watches and is told."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def SetWatch(self, request: pb.SetWatchRequest, context: grpc.ServicerContext) -> pb.SetWatchResponse:
        """Begins or ends watching."""
        identity = rpc.caller()
        account = require_account(identity)
        with self._database.write() as session:
            row = repositories.readable(session, identity, request.owner, request.name)
            watchers = notices.set_watch(session, row, account, request.watching)
        return pb.SetWatchResponse(watching=request.watching, watchers=watchers)

    def ListNotices(self, request: pb.ListNoticesRequest, context: grpc.ServicerContext) -> pb.ListNoticesResponse:
        """What the caller is told, newest first."""
        page = paging.read_page("notices", request.page.size, request.page.cursor)
        with self._database.read() as session:
            found = notices.feed(session, rpc.caller(), page, unread_only=request.unread_only)
        _, cursor = paging.split("notices", page, found.numbers, lambda number: number)
        shown = [_notice(number, row, repository, found.read) for number, row, repository in found.notices]
        return pb.ListNoticesResponse(notices=shown, next_cursor=cursor)

    def MarkNoticesRead(
        self, request: pb.MarkNoticesReadRequest, context: grpc.ServicerContext
    ) -> pb.MarkNoticesReadResponse:
        """Notes what the caller has seen."""
        account = require_account(rpc.caller())
        with self._database.write() as session:
            return pb.MarkNoticesReadResponse(up_to=notices.mark_read(session, account, request.up_to))


def _notice(number: int, row: NoticeRow, repository: RepositoryRow, read: int) -> pb.Notice:
    return pb.Notice(
        number=number,
        kind=row.kind,
        owner=repository.owner,
        name=repository.name,
        subject=row.subject,
        text=row.text,
        actor=row.actor,
        create_time=to_timestamp(row.create_time),
        read=number <= read,
    )
