"""The catalog as merging needs it: the versions of a request, what led to them, and where the result goes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from services.common.errors import from_rpc
from services.common.identity import Signer
from services.common.rpc import make_channel
from services.stubs.voicehub.catalog.v1 import catalog_pb2, catalog_pb2_grpc, pulls_pb2, pulls_pb2_grpc, refs_pb2
from services.stubs.voicehub.catalog.v1.refs_pb2_grpc import RefServiceStub
from services.stubs.voicehub.common.v1 import common_pb2
from services.trainer.merging.domain import Merge

SECONDS = 300.0
PAGE = 100


@dataclass(frozen=True)
class Versions:
    """Speaks to the catalog as the trainer itself."""

    address: str
    signer: Signer
    certificate: Path | None = None

    def get(self, merge: Merge, version_id: str) -> catalog_pb2.Version:
        """A version as the repository of the request holds it; NotFound."""
        request = catalog_pb2.GetVersionRequest(owner=merge.owner, name=merge.name, ref=version_id)
        with self._asking() as channel:
            return catalog_pb2_grpc.CatalogServiceStub(channel).GetVersion(request, timeout=SECONDS).version

    def parents(self, merge: Merge) -> dict[str, list[str]]:
        """The graph in which the base is looked for.

        With one common ancestor that is all there is to know; criss-cross histories are read whole.
        """
        if len(merge.bases) == 1:
            return {merge.ours: list(merge.bases), merge.theirs: list(merge.bases)}
        found: dict[str, list[str]] = {}
        for head in (merge.ours, merge.theirs):
            for version in self._history(merge, head):
                found[version.id] = list(version.parents)
        return found

    def complete(self, merge: Merge, **result: Any) -> str:
        """Reports the `result` or the `failure`; the id of the version that was made of it, empty if there is none."""
        report = pulls_pb2.CompleteMergeRequest(
            pull_id=merge.pull_id, base_version=merge.ours, head_version=merge.theirs, **result
        )
        with self._asking() as channel:
            return str(pulls_pb2_grpc.JudgementServiceStub(channel).CompleteMerge(report, timeout=SECONDS).version.id)

    def _history(self, merge: Merge, head: str) -> Iterator[catalog_pb2.Version]:
        cursor = ""
        with self._asking() as channel:
            ask: Callable[..., refs_pb2.ListHistoryResponse] = RefServiceStub(channel).ListHistory
            while True:
                page = common_pb2.PageRequest(size=PAGE, cursor=cursor)
                request = refs_pb2.ListHistoryRequest(owner=merge.owner, name=merge.name, ref=head, page=page)
                answer = ask(request, timeout=SECONDS)
                yield from answer.versions
                cursor = answer.next_cursor
                if not cursor:
                    return

    @contextmanager
    def _asking(self) -> Iterator[grpc.Channel]:
        with make_channel(self.address, self.signer.own, self.certificate) as channel:
            try:
                yield channel
            except grpc.RpcError as error:
                raise from_rpc(error) from error
