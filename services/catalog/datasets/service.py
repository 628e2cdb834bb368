"""The gRPC surface of datasets."""

from __future__ import annotations

from collections.abc import Sequence

import grpc
from sqlalchemy.orm import Session

from services.catalog import paging
from services.catalog.credits.lineage import lineage_of
from services.catalog.datasets import pinning
from services.catalog.datasets.objects import objects_of
from services.catalog.datasets.tables import DatasetRecordRow, DatasetRow
from services.catalog.domain.declaration import licenses
from services.catalog.domain.visibility import require_account
from services.catalog.search.lexicon_data import load
from services.catalog.search.query import check_length, understand
from services.catalog.store import idempotency
from services.catalog.store.tables import VersionRow
from services.common import rpc
from services.common.clock import to_timestamp
from services.common.database import Database
from services.common.structs import to_struct
from services.stubs.voicehub.catalog.v1 import datasets_pb2 as pb
from services.stubs.voicehub.catalog.v1 import datasets_pb2_grpc
from services.stubs.voicehub.common.v1 import common_pb2

# ruff: noqa: N802 - the contract's names
PIN = "PinDataset"
MOST_A_PAGE = 500


class DatasetService(datasets_pb2_grpc.DatasetServiceServicer):
    """Datasets belong to the account that pinned them."""

    def __init__(self, database: Database) -> None:
        self._database, self._lexicon = database, load()

    def PinDataset(self, request: pb.PinDatasetRequest, context: grpc.ServicerContext) -> pb.PinDatasetResponse:
        """Pins what the caller finds now, once per idempotency key."""
        account = require_account(rpc.caller())
        check_length(request.query)
        query = understand(request.query, self._lexicon)
        with self._database.read() as session:  # looking takes long, and holds up no writer
            if earlier := idempotency.made_before(session, account, PIN, request.idempotency_key, request):
                return pb.PinDatasetResponse(dataset=_dataset(pinning.get(session, account, earlier)))
            found = pinning.find(session, account, query, self._lexicon, private=request.private)
        with self._database.write() as session:
            if earlier := idempotency.made_before(session, account, PIN, request.idempotency_key, request):
                return pb.PinDatasetResponse(dataset=_dataset(pinning.get(session, account, earlier)))
            row = pinning.pin(session, account, request.query, found, private=request.private)
            idempotency.remember(session, account, PIN, request.idempotency_key, request, row.id)
            return pb.PinDatasetResponse(dataset=_dataset(row))

    def GetDataset(self, request: pb.GetDatasetRequest, context: grpc.ServicerContext) -> pb.GetDatasetResponse:
        """What was pinned."""
        account = require_account(rpc.caller())
        with self._database.read() as session:
            return pb.GetDatasetResponse(dataset=_dataset(pinning.get(session, account, request.id)))

    def ListDatasetRecords(
        self, request: pb.ListDatasetRecordsRequest, context: grpc.ServicerContext
    ) -> pb.ListDatasetRecordsResponse:
        """The records, but for those that the caller may not read any more."""
        identity = rpc.caller()
        account, after = require_account(identity), _after(request.page.cursor)
        size = min(request.page.size or paging.DEFAULT_SIZE, MOST_A_PAGE)
        with self._database.read() as session:
            row = pinning.get(session, account, request.id)
            rows = pinning.records(session, row.id, after, size)
            page = rows[:size]
            versions = pinning.still_readable(session, identity, page)
            shown = _records(session, page, versions, request.tensors)
        cursor = paging.encode("dataset", page[-1].number) if len(rows) > size else ""
        withheld = len(page) - len(shown)
        return pb.ListDatasetRecordsResponse(records=shown, next_cursor=cursor, withheld=withheld)


def _after(cursor: str) -> int:
    after = paging.decode("dataset", cursor) if cursor else 0
    if not isinstance(after, int):
        raise paging.bad_cursor()
    return after


def _records(
    session: Session, rows: Sequence[DatasetRecordRow], versions: dict[str, VersionRow], tensors: bool
) -> list[pb.DatasetRecord]:
    objects = objects_of(session, list(versions), tensors=tensors)
    return [
        _record(session, row, versions[row.version_id], objects[row.version_id])
        for row in rows
        if row.version_id in versions
    ]


def _record(
    session: Session, row: DatasetRecordRow, version: VersionRow, objects: Sequence[pb.DatasetObject]
) -> pb.DatasetRecord:
    return pb.DatasetRecord(
        number=row.number,
        owner=row.owner,
        name=row.name,
        version=version.id,
        author=version.author,
        create_time=to_timestamp(version.create_time),
        publish_time=to_timestamp(version.publish_time),
        declaration=common_pb2.Declaration(**version.declaration),
        commercial=licenses().get(version.declaration.get("license", ""), False),
        family=version.family,
        card=to_struct(version.card),
        figures=to_struct(version.figures),
        parents=version.parents,
        makers=[pb.Maker(account=one.account, distance=one.distance) for one in lineage_of(session, version)],
        stars=row.stars,
        downloads=row.downloads,
        objects=objects,
    )


def _dataset(row: DatasetRow) -> pb.Dataset:
    return pb.Dataset(
        id=row.id,
        query=row.query,
        private=row.private,
        records=row.records,
        create_time=to_timestamp(row.create_time),
        digest=row.digest,
    )
