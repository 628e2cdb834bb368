"""Merges of weights in the trainer: worker process, real objects, and a catalog that is asked again after a crash."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import grpc
import numpy as np
import pytest

import voicescan
from services.common import rpc
from services.common.database import Database
from services.common.errors import Conflict
from services.common.events import make_event
from services.common.identity import Signer, Verifier, ensure_keys
from services.common.migrations import upgrade
from services.common.objects import Area, ObjectStore, open_store
from services.common.structs import to_struct
from services.stubs.voicehub.catalog.v1 import catalog_pb2, pulls_pb2
from services.stubs.voicehub.catalog.v1.collaboration_events_pb2 import MergeRequested
from services.stubs.voicehub.common.v1 import common_pb2
from services.trainer.merging import materials, store
from services.trainer.merging.domain import Merge, State
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
    told: list[pulls_pb2.CompleteMergeRequest] = field(default_factory=list)
    outdated: bool = False

    def GetVersion(
        self, request: catalog_pb2.GetVersionRequest, context: grpc.ServicerContext
    ) -> catalog_pb2.GetVersionResponse:
        return catalog_pb2.GetVersionResponse(version=self.versions[request.ref])

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
             _handlers("voicehub.catalog.v1.JudgementService", judges, pulls_pb2)]
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


def ask(place: Place, runner: MergeRunner, **options: object) -> str:
    """The event of the catalog, handled as the subscription does."""
    fact = MergeRequested(
        pull_id="p", base_version="ours", head_version="theirs", merge_bases=["base"], options=to_struct(options),
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


def test_both_changes_are_in_the_result_which_is_the_same_to_the_byte(place: Place) -> None:
    runner = place.runner()
    merge_id = ask(place, runner, strategy="task")
    assert runner.take()
    assert not runner.take(), "an event that comes twice is one merge"
    one = ended(place, merge_id)
    assert (one.state, one.result) == (State.MERGED, "made")
    (told,) = place.catalog.told
    assert (told.pull_id, told.base_version, told.head_version) == ("p", "ours", "theirs")
    by_role = {file.role: file for file in told.result.files}
    assert set(by_role) == {"s1", "s2", "prompt", "lexicon"}
    assert by_role["prompt"].filename == "a.flac"
    assert "measured" not in told.result.card
    assert set(told.result.figures) == {"speaker_embedding"}
    tensors: dict[str, np.ndarray[Any, Any]] = {}
    for stage in ("s1", "s2"):
        path = place.folder / by_role[stage].filename
        with place.objects.open(Area.QUARANTINE, by_role[stage].object.digest) as stream:
            path.write_bytes(stream.read())
        tensors |= {f"{stage}/{name}": value for name, value in voicescan.read_checkpoint(path).tensors.items()}
    assert {name: float(value.max()) for name, value in tensors.items()} == {
        "s1/model.h.0.w": 2.0, "s2/dec.w": 1.0, "s2/quantizer.w": 0.5,
    }  # fmt: skip
    ask(place, runner, strategy="task")
    runner.take()
    assert place.catalog.told[1] == told, "the same input, the same bytes"


def test_a_crash_before_it_is_noted_does_it_again(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    runner = place.runner()
    merge_id = ask(place, runner)

    def crash(*_: object) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patched:
        patched.setattr(store, "end", crash)
        with pytest.raises(RuntimeError):
            runner.take()
    assert ended(place, merge_id).state is State.QUEUED
    again = place.runner()
    assert again.take()
    assert place.catalog.told[0] == place.catalog.told[1]
    assert ended(place, merge_id).state is State.MERGED


def test_what_cannot_be_merged_is_told_in_a_sentence(place: Place) -> None:
    place.catalog.versions["theirs"].requires["symbols"] = "e" * 64
    runner = place.runner()
    merge_id = ask(place, runner)
    assert runner.take()
    (told,) = place.catalog.told
    assert told.failure.startswith("The voices stand on different symbols")
    assert not told.HasField("result")
    assert ended(place, merge_id).state is State.FAILED


def test_a_request_that_is_outdated_or_lacks_an_object_ends(place: Place) -> None:
    runner = place.runner()
    place.catalog.outdated = True
    outdated = ask(place, runner)
    assert runner.take()
    assert ended(place, outdated).state is State.FAILED
    place.catalog.outdated = False
    place.catalog.versions["theirs"].tensors[0].digest = "0" * 64
    lost = ask(place, runner)
    assert runner.take()
    assert "ask for it again" in place.catalog.told[-1].failure
    assert ended(place, lost).state is State.FAILED


def test_the_worker_says_what_happened_part_by_part(place: Place) -> None:
    folder = place.folder / "work"
    (folder / "objects").mkdir(parents=True)
    versions = place.catalog.versions
    for digest in {t.digest for one in versions.values() for t in one.tensors}:
        with place.objects.open(Area.SERVED, digest) as stream:
            (folder / "objects" / digest).write_bytes(stream.read())
    told = {name: {**materials.told(one), "lexicon": ""} for name, one in versions.items()}
    request = {"ours": "ours", "theirs": "theirs", "parents": {"ours": ["base"], "theirs": ["base"]},
               "options": {"choices": {"decoder": "theirs"}}, "versions": told}  # fmt: skip
    (folder / "request.json").write_text(json.dumps(request))
    done = subprocess.run(
        [sys.executable, "-m", "services.trainer.merging.worker", str(folder)], capture_output=True, check=True
    )
    report = {one["module"]: one for one in json.loads(done.stdout)["report"]}
    assert report["decoder"]["theirs"] == 1
    assert report["stage1.layers"]["theirs"] == 1
