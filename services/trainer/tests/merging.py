"""A trainer that merges weights: worker process, real objects, and a catalog that knows a few versions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import grpc
import numpy as np
import pytest
from numpy.typing import NDArray

import voicescan
from services.common import rpc
from services.common.database import Database
from services.common.errors import Conflict
from services.common.events import make_event
from services.common.identity import Signer, Verifier, ensure_keys
from services.common.migrations import upgrade
from services.common.objects import Area, ObjectStore, open_store
from services.common.structs import to_struct
from services.stubs.voicehub.catalog.v1 import catalog_pb2, pulls_pb2, refs_pb2
from services.stubs.voicehub.catalog.v1.collaboration_events_pb2 import MergeRequested
from services.stubs.voicehub.common.v1 import common_pb2
from services.trainer.merging import store
from services.trainer.merging.domain import Merge
from services.trainer.merging.runner import MergeRunner
from services.trainer.merging.service import subscription
from services.trainer.merging.versions import Versions
from services.trainer.tests.conftest import MIGRATIONS, free_address

NAMES = ("s1/model.h.0.w", "s2/dec.w", "s2/quantizer.w")
OURS, THEIRS = {"s2/dec.w": 1.0}, {"s1/model.h.0.w": 2.0}


# ruff: noqa: N802 - the contract's names


@dataclass
class Catalog:
    """What the catalog knows of three versions, and what it was told."""

    versions: dict[str, catalog_pb2.Version] = field(default_factory=dict)
    history: list[str] = field(default_factory=list)
    told: list[pulls_pb2.CompleteMergeRequest] = field(default_factory=list)
    outdated: bool = False

    def GetVersion(
        self, request: catalog_pb2.GetVersionRequest, context: grpc.ServicerContext
    ) -> catalog_pb2.GetVersionResponse:
        return catalog_pb2.GetVersionResponse(version=self.versions[request.ref])

    def ListHistory(
        self, request: refs_pb2.ListHistoryRequest, context: grpc.ServicerContext
    ) -> refs_pb2.ListHistoryResponse:
        """What led to a version, newest first, one a page."""
        led: set[str] = {request.ref}
        for name in self.history:
            led |= set(self.versions[name].parents) if name in led else set()
        names, at = [name for name in self.history if name in led], int(request.page.cursor or 0)
        cursor = str(at + 1) if at + 1 < len(names) else ""
        return refs_pb2.ListHistoryResponse(versions=[self.versions[names[at]]], next_cursor=cursor)

    def CompleteMerge(
        self, request: pulls_pb2.CompleteMergeRequest, context: grpc.ServicerContext
    ) -> pulls_pb2.CompleteMergeResponse:
        self.told.append(request)
        if self.outdated:
            raise Conflict("This merge is not asked for any more.", hint="", reason="MERGE_OUTDATED")
        return pulls_pb2.CompleteMergeResponse(version=catalog_pb2.Version(id="made" if not request.failure else ""))


@dataclass
class Place:
    database: Database
    objects: ObjectStore
    catalog: Catalog
    versions: Versions
    folder: Path

    def runner(self) -> MergeRunner:
        return MergeRunner(self.database, self.objects, self.versions, self.folder / "merges")


def version(objects: ObjectStore, identifier: str, changes: dict[str, float]) -> catalog_pb2.Version:
    tensors = []
    for name in NAMES:
        values = np.full((2, 3), changes.get(name, 0.5), "<f2")
        info = objects.put(Area.SERVED, [values.tobytes()])
        tensors.append(common_pb2.Tensor(name=name, dtype="float16", shape=[2, 3], digest=info.digest, size=info.size))
    prompt = objects.put(Area.SERVED, [b"sound"])
    words = objects.put(Area.SERVED, [b"en:\n  hub: [HH, AH1, B]\n"])
    files = [
        catalog_pb2.ExportFile(path="prompts/a.flac", object=common_pb2.ObjectRef(digest=prompt.digest)),
        catalog_pb2.ExportFile(path="lexicon/a.yaml", object=common_pb2.ObjectRef(digest=words.digest)),
    ]
    card = to_struct({"languages": ["en"], "measured": {"mos": {"value": 3}}, "prompts": [{"file": "a.flac"}]})
    return catalog_pb2.Version(
        id=identifier, tensors=tensors, files=files, card=card, family="nano", requires={"symbols": "d" * 64},
        configs=to_struct({"s1": {"model": {"n_layer": 2}}, "s2": {"model": {"hidden_channels": 192}}}),
        figures=to_struct({"speaker_embedding": [0.5], "mos": 3.0}),
    )  # fmt: skip


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    ensure_keys(tmp_path / "keys", "trainer")
    database = Database(f"sqlite:///{tmp_path / 'trainer.sqlite'}")
    upgrade(database, MIGRATIONS)
    objects = open_store(f"file://{tmp_path / 'objects'}")
    catalog = Catalog()
    sides = {"base": {}, "ours": OURS, "theirs": THEIRS}
    catalog.versions = {name: version(objects, name, changes) for name, changes in sides.items()}
    address = free_address()

    def register(server: grpc.Server) -> None:
        answers = {"GetVersion": catalog.GetVersion}
        judges = {"CompleteMerge": catalog.CompleteMerge}
        server.add_generic_rpc_handlers(
            [_handlers("voicehub.catalog.v1.CatalogService", answers, catalog_pb2),
             _handlers("voicehub.catalog.v1.JudgementService", judges, pulls_pb2),
             _handlers("voicehub.catalog.v1.RefService", {"ListHistory": catalog.ListHistory}, refs_pb2)]
        )  # fmt: skip

    server = rpc.make_server(address, Verifier(tmp_path / "keys"), register, [])
    yield Place(database, objects, catalog, Versions(address, Signer(tmp_path / "keys", "trainer")), tmp_path)
    server.stop(None).wait()
    database.engine.dispose()


def _handlers(service: str, methods: Mapping[str, Callable[..., Any]], messages: ModuleType) -> grpc.GenericRpcHandler:
    """Those methods of a service, and no others."""
    made = {
        name: grpc.unary_unary_rpc_method_handler(
            method,
            getattr(messages, f"{name}Request").FromString,
            getattr(messages, f"{name}Response").SerializeToString,
        )
        for name, method in methods.items()
    }
    return grpc.method_handlers_generic_handler(service, made)


def ask(place: Place, runner: MergeRunner, bases: Sequence[str] = ("base",), **options: object) -> str:
    """The event of the catalog, handled as the subscription does."""
    fact = MergeRequested(
        pull_id="p", base_version="ours", head_version="theirs", merge_bases=bases, options=to_struct(options),
        account="ann", owner="ann", name="voice", number=4,
    )  # fmt: skip
    event = make_event("community", "p", fact, "catalog")
    (handler,) = subscription(runner).handlers.values()
    for _ in range(2):  # at least once
        effect = handler(event)
        assert effect is not None
        with place.database.write() as session:
            effect(session)
    return event.id


def ended(place: Place, merge_id: str) -> Merge:
    with place.database.read() as session:
        found = store.find(session, merge_id)
    assert found is not None
    return found


def pushed(place: Place, told: pulls_pb2.CompleteMergeRequest) -> dict[str, NDArray[Any]]:
    """The tensors of a result, read as the scanner reads them."""
    tensors: dict[str, NDArray[Any]] = {}
    for file in told.result.files:
        if file.role in ("s1", "s2"):
            path = place.folder / file.filename
            with place.objects.open(Area.QUARANTINE, file.object.digest) as stream:
                path.write_bytes(stream.read())
            found = voicescan.read_checkpoint(path).tensors
            tensors |= {f"{file.role}/{name}": value for name, value in found.items()}
    return tensors
