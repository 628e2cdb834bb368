"""10,000 voices pinned: the same records however much changes afterwards, but for what may not be read any more."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import grpc
import pytest
from sqlalchemy import insert, update
from sqlalchemy.orm import Session

from services.catalog.datasets.service import DatasetService
from services.catalog.store.tables import FileRow, RefRow, RepositoryRow, VersionRow
from services.common import rpc
from services.common.clock import now
from services.common.database import Database
from services.common.errors import NotFound, from_rpc
from services.common.identity import Identity, Signer, Verifier, ensure_keys
from services.common.ids import new_id
from services.common.migrations import upgrade
from services.stubs.voicehub.catalog.v1 import datasets_pb2 as pb
from services.stubs.voicehub.catalog.v1 import datasets_pb2_grpc
from services.stubs.voicehub.common.v1.common_pb2 import PageRequest

MIGRATIONS = Path(__file__).parents[2] / "migrations"
COUNT = 10_000
SLOW_SECONDS = 180  # where a machine has other work
LICENSES = ("CC0-1.0", "CC-BY-4.0", "CC-BY-NC-4.0")
As = Callable[[str], datasets_pb2_grpc.DatasetServiceStub]


def voice(number: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """A repository and its published version: every tenth is private, every third may not be sold."""
    license_ = LICENSES[number % 3]
    repository: dict[str, Any] = {
        "id": f"{number:032x}", "owner": f"owner-{number % 97}", "name": f"voice-{number}", "create_time": now(),
        "visibility": "private" if number % 10 == 0 else "public", "stars": number % 7, "comments": 0, "downloads": 0,
    }  # fmt: skip
    card = {"languages": ["yue" if number % 2 else "en"], "gender": "male", "license": license_, "tags": ["made"]}
    version: dict[str, Any] = {
        "id": f"{number + (1 << 100):032x}", "repository_id": repository["id"], "parents": [],
        "author": repository["owner"], "message": "", "create_time": now(), "publish_time": now(), "training_job": "",
        "uploads": [], "card": card, "figures": {"mos_dnsmos": 2 + number % 3, "speaker_embedding": [0.5] * 4},
        "declaration": {"source": "made", "license": license_, "consent": "self"}, "state": "published",
        "configs": {}, "requires": {},
    }  # fmt: skip
    return repository, version


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    made = Database(f"sqlite:///{tmp_path_factory.mktemp('datasets') / 'catalog.sqlite'}")
    upgrade(made, MIGRATIONS)
    rows = [voice(number) for number in range(1, COUNT + 1)]
    with made.write() as session:
        session.execute(insert(RepositoryRow), [repository for repository, _ in rows])
        session.execute(insert(VersionRow), [version for _, version in rows])
        refs = [{"repository_id": r["id"], "name": "main", "version_id": v["id"]} for r, v in rows]
        session.execute(insert(RefRow), refs)
        files = [{"version_id": v["id"], "kind": "file", "position": 0, "path": "prompts/a.flac",
                  "digest": v["id"] * 2, "size": 7} for _, v in rows]  # fmt: skip
        session.execute(insert(FileRow), files)
    yield made
    made.engine.dispose()


@pytest.fixture(scope="module")
def as_account(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[As]:
    keys, channels = tmp_path_factory.mktemp("keys"), []
    ensure_keys(keys, "gateway")
    service, signer = DatasetService(database), Signer(keys, "gateway")

    def register(server: grpc.Server) -> None:
        datasets_pb2_grpc.add_DatasetServiceServicer_to_server(service, server)

    address = _free_address()
    running = rpc.make_server(address, Verifier(keys), register, [])

    def stub(account: str) -> datasets_pb2_grpc.DatasetServiceStub:
        channels.append(rpc.make_channel(address, lambda: signer.sign(Identity(account))))
        return datasets_pb2_grpc.DatasetServiceStub(channels[-1])

    yield stub
    for channel in channels:
        channel.close()
    running.stop(None).wait()


def _free_address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


def read(stub: datasets_pb2_grpc.DatasetServiceStub, dataset: str) -> tuple[list[pb.DatasetRecord], int]:
    found: list[pb.DatasetRecord] = []
    cursor, withheld = "", 0
    while True:
        request = pb.ListDatasetRecordsRequest(id=dataset, page=PageRequest(size=500, cursor=cursor))
        page = stub.ListDatasetRecords(request)
        found += page.records
        withheld += page.withheld
        cursor = page.next_cursor
        if not cursor:
            return found, withheld


def change(database: Database, **values: Any) -> None:
    """Something happens to the repository of the third voice."""
    with database.write() as session:
        session.execute(update(RepositoryRow).where(RepositoryRow.id == f"{3:032x}").values(**values))


def test_ten_thousand_records_are_the_same_however_much_changes(database: Database, as_account: As) -> None:
    stub = as_account("rhea")
    made = stub.PinDataset(pb.PinDatasetRequest(query="", idempotency_key="k"), timeout=SLOW_SECONDS).dataset
    assert made.records == COUNT * 9 // 10
    assert stub.PinDataset(pb.PinDatasetRequest(query="", idempotency_key="k")).dataset == made
    first, withheld = read(stub, made.id)
    assert (len(first), withheld) == (made.records, 0)
    with database.write() as session:
        session.execute(update(RepositoryRow).values(stars=99, downloads=5))
        _publish_another(session)
    assert read(stub, made.id) == (first, 0)
    assert first[0].objects[0].path == "prompts/a.flac"
    assert [(maker.account, maker.distance) for maker in first[0].makers] == [("owner-1", 0)]


def _publish_another(session: Session) -> None:
    repository, version = voice(1)
    version |= {"id": new_id(), "repository_id": repository["id"]}
    session.execute(insert(VersionRow), [version])
    session.execute(update(RefRow).where(RefRow.repository_id == repository["id"]).values(version_id=version["id"]))


@pytest.mark.parametrize(
    ("hidden", "shown"),
    [({"visibility": "private"}, {"visibility": "public"}), ({"taken_down": True}, {"taken_down": False})],
)
def test_what_is_hidden_afterwards_is_withheld_and_counted(
    database: Database, as_account: As, hidden: Mapping[str, Any], shown: Mapping[str, Any]
) -> None:
    stub = as_account("rhea")
    made = stub.PinDataset(pb.PinDatasetRequest(query="owner:owner-3")).dataset
    whole, _ = read(stub, made.id)
    change(database, **hidden)
    left, withheld = read(stub, made.id)
    assert withheld == 1
    assert [one.name for one in whole if one not in left] == ["voice-3"]
    change(database, **shown)
    assert read(stub, made.id) == (whole, 0)


def test_licence_visibility_and_numbers_are_honoured(as_account: As) -> None:
    stub = as_account("owner-10")
    sold, _ = read(stub, stub.PinDataset(pb.PinDatasetRequest(query="commercial:yes lang:yue mos:>=3")).dataset.id)
    assert sold
    for one in sold:
        assert one.commercial
        assert one.declaration.license != "CC-BY-NC-4.0"
        assert (one.card["languages"][0], one.figures["mos_dnsmos"] >= 3) == ("yue", True)  # type: ignore[index, operator]
    poor, _ = read(stub, stub.PinDataset(pb.PinDatasetRequest(query="lang:yue -mos:>=3")).dataset.id)
    assert poor
    assert all(one.figures["mos_dnsmos"] < 3 for one in poor)  # type: ignore[operator]
    own = stub.PinDataset(pb.PinDatasetRequest(query="owner:owner-10", private=True)).dataset
    public = stub.PinDataset(pb.PinDatasetRequest(query="owner:owner-10")).dataset
    others = as_account("rhea").PinDataset(pb.PinDatasetRequest(query="owner:owner-10", private=True)).dataset
    assert own.records > public.records == others.records > 0
    with pytest.raises(grpc.RpcError) as caught:
        stub.GetDataset(pb.GetDatasetRequest(id=others.id))
    assert isinstance(from_rpc(caught.value), NotFound)
