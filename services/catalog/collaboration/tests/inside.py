"""The catalog's services inside of this process, over a real database, store and index: quick enough for thousands of
random steps. Who calls is set as the interceptor sets it; what the scanner and exporter find out is handed to the real
handlers."""

from __future__ import annotations

import contextvars
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import select

from services.catalog import handlers
from services.catalog.collaboration.access_service import AccessService
from services.catalog.collaboration.forks_service import ForkService
from services.catalog.collaboration.judgement_service import JudgementService
from services.catalog.collaboration.pulls_service import PullService
from services.catalog.collaboration.refs_service import RefService
from services.catalog.community.watch_service import WatchService
from services.catalog.credits.domain import Prices
from services.catalog.search.port import open_index
from services.catalog.search.projection import Projection
from services.catalog.search.voices import VoiceSearch
from services.catalog.service import CatalogService
from services.catalog.store.pull_tables import PullRequestRow
from services.catalog.tests.conftest import CARD, DECLARATION
from services.common import migrations, rpc
from services.common.database import Database
from services.common.identity import Identity
from services.common.objects import Area, open_store
from services.common.structs import to_struct
from services.common.tables import outbox
from services.stubs.voicehub.catalog.v1 import catalog_pb2 as pb
from services.stubs.voicehub.catalog.v1 import pulls_pb2
from services.stubs.voicehub.catalog.v1.events_pb2 import VersionErased
from services.stubs.voicehub.common.v1 import common_pb2
from services.stubs.voicehub.inference.v1 import inference_pb2
from services.stubs.voicehub.scanner.v1 import scanner_pb2

SERVICE = "inference"
"""As an account: that service, for itself. What it reads is not counted."""
SCRIPTS = Path(__file__).parents[2] / "migrations"


class Inside:
    """A catalog without a server."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "catalog.sqlite").write_bytes(_migrated())
        self.database = Database(f"sqlite:///{folder / 'catalog.sqlite'}")
        self.objects = open_store(f"file://{folder / 'objects'}")
        self.folder = folder / "objects"
        index = open_index(f"sqlite:///{folder / 'search.sqlite'}")
        search = VoiceSearch(self.database, index, Projection(self.database, index))
        self.catalog = CatalogService(self.database, self.objects, search, Prices())
        self.refs, self.forks = RefService(self.database), ForkService(self.database)
        self.access, self.pulls = AccessService(self.database), PullService(self.database)
        self.judgements = JudgementService(self.database, self.objects)
        self.watching = WatchService(self.database)

    def ask(self, account: str, method: Callable[..., Any], request: Any) -> Any:
        """The answer to a call of `account`; raises what the service raises."""

        def call() -> Any:
            service = account == SERVICE
            who = Identity("", account, frozenset({"service"})) if service else Identity(account, "gateway")
            rpc._caller.set(who)
            return method(request, None)

        return contextvars.copy_context().run(call)

    def upload(self, content: bytes) -> common_pb2.ObjectRef:
        info = self.objects.put(Area.QUARANTINE, [content])
        return common_pb2.ObjectRef(digest=info.digest, size=info.size)

    def push(self, account: str, owner: str, name: str, content: int, **more: Any) -> pb.Version:
        """A version whose uploads, and whose tensors later, depend on `content` alone."""
        request = self.pushed(owner, name, content, **more)
        made: pb.Version = self.ask(account, self.catalog.CreateVersion, request).version
        return made

    def pushed(self, owner: str, name: str, content: int, **more: Any) -> pb.CreateVersionRequest:
        """The request for such a version, whose uploads are there."""
        files = [
            common_pb2.UploadedFile(role="s1", filename="a.ckpt", object=self.upload(b"one %d" % content)),
            common_pb2.UploadedFile(role="s2", filename="a.pth", object=self.upload(b"two %d" % content)),
        ]
        return pb.CreateVersionRequest(
            owner=owner,
            name=name,
            message=str(content),
            card=to_struct(CARD),
            declaration=DECLARATION,
            files=files,
            **more,
        )

    def merge_weights(self, ask: pulls_pb2.MergePullRequest, content: int) -> str:
        """The version that a worker makes of both sides' weights, published and judged no worse: the branch moves."""
        made = self.complete(self.begin(ask), ask, content)
        self.publish(made, content)
        return made

    def begin(self, ask: pulls_pb2.MergePullRequest, by: str = "") -> pulls_pb2.CompleteMergeRequest:
        """What a worker hears when somebody, usually the owner, asks for a merge of weights."""
        ask.strategy = pulls_pb2.MERGE_STRATEGY_WEIGHTS
        self.ask(by or ask.owner, self.pulls.MergePull, ask)
        with self.database.read() as session:
            rows = session.scalars(select(PullRequestRow).where(PullRequestRow.head_version == ask.expected_head)).all()
        pull = next(row for row in rows if row.merging)
        sides = pull.merging["base"], pull.merging["head"]
        return pulls_pb2.CompleteMergeRequest(pull_id=pull.id, base_version=sides[0], head_version=sides[1])

    def complete(self, done: pulls_pb2.CompleteMergeRequest, ask: pulls_pb2.MergePullRequest, content: int) -> str:
        """What a worker reports: the id of the version that was made of it, judged as good as the base."""
        done.result.CopyFrom(self.pushed(ask.owner, ask.name, content))
        made: str = self.ask(SERVICE, self.judgements.CompleteMerge, done).version.id
        for version in filter(None, (done.base_version, made)):
            told = pulls_pb2.Evaluation(version=version, figures=to_struct({"similarity": 0.8}), tools={"judge": "1"})
            self.ask(SERVICE, self.judgements.RecordEvaluation, pulls_pb2.RecordEvaluationRequest(evaluation=told))
        return made

    def publish(self, version: str, content: int) -> None:
        """The road of a version, at once."""
        scan = scanner_pb2.StaticScanCompleted(version_id=version, verdict="clean", tensors=self._tensors(content))
        self._found(handlers.scanned, scan)
        self._found(handlers.exported, inference_pb2.ExportCompleted(version_id=version, family="v2"))
        self._found(handlers.behaved, scanner_pb2.BehaviourTestCompleted(version_id=version, outcome="passed"))

    def rebuilt(
        self, version: str, content: int | None = None, *, verdict: str = "clean", prompt: str = "", graph: str = ""
    ) -> None:
        """What a scan and an export list: the tensors of that content, served objects as prompt and graph."""
        scan = scanner_pb2.StaticScanCompleted(version_id=version, verdict=verdict)
        export = inference_pb2.ExportCompleted(version_id=version, family="v2")
        if content is not None:
            scan.tensors.extend(self._tensors(content))
        if prompt:
            scan.files.add(path="prompt.flac", object=common_pb2.ObjectRef(digest=prompt))
        if graph:
            export.bundle.add(path="s2.onnx", object=common_pb2.ObjectRef(digest=graph))
        self._found(handlers.scanned, scan)
        self._found(handlers.exported, export)

    def auditioned(self, version: str, *digests: str) -> None:
        """Inference has spoken samples."""
        spoken = [
            inference_pb2.Audition(text="你好", language="zh", object=common_pb2.ObjectRef(digest=digest))
            for digest in digests
        ]
        fact = inference_pb2.AuditionsCompleted(version_id=version, auditions=spoken)
        with self.database.write() as session:
            handlers._effect(session, fact, handlers.auditioned)

    def erased(self) -> list[tuple[str, list[str]]]:
        """Versions of which the others are told that nothing is left, each with the samples that go, in order."""
        kind = VersionErased.DESCRIPTOR.full_name
        with self.database.read() as session:
            said = session.scalars(select(outbox.c.data).where(outbox.c.type == kind).order_by(outbox.c.sequence))
            return [(fact.version_id, list(fact.samples)) for fact in map(VersionErased.FromString, said)]

    def _tensors(self, content: int) -> list[common_pb2.Tensor]:
        return [
            common_pb2.Tensor(name=f"s1/{part}", dtype="uint8", shape=[len(data)], digest=ref.digest, size=ref.size)
            for part, data in enumerate(parts(content))
            for ref in [self._serve(data)]
        ]

    def _found(self, apply: Callable[..., None], fact: Any) -> None:
        with self.database.write() as session:
            handlers._effect(session, fact, apply)

    def _serve(self, content: bytes) -> common_pb2.ObjectRef:
        info = self.objects.put(Area.SERVED, [content])
        return common_pb2.ObjectRef(digest=info.digest, size=info.size)


@cache
def _migrated() -> bytes:
    """An empty catalog: migrating takes longer than many a history."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "catalog.sqlite"
        database = Database(f"sqlite:///{path}")
        migrations.upgrade(database, SCRIPTS)
        with database.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        database.engine.dispose()
        return path.read_bytes()


def parts(content: int) -> tuple[bytes, bytes]:
    """The tensors of a version with that content: one that all have, one of its own."""
    return b"frozen layers", b"layers of %d" % content
