"""A plain model of repositories beside two hubs, one of which has only what is public."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from google.protobuf.message import Message
from sqlalchemy import select

from services.catalog.collaboration.tests.inside import SERVICE, Inside, parts
from services.catalog.collaboration.tests.strangers import plain, questions
from services.catalog.store.tables import HistoryRow, RepositoryRow, VersionRow
from services.common.errors import VoiceHubError
from services.common.objects import Area
from services.stubs.voicehub.catalog.v1 import catalog_pb2 as pb
from services.stubs.voicehub.catalog.v1 import pulls_pb2, refs_pb2

ACCOUNTS = ("ann", "bob", "cyd")
NAMES = ("one", "two")
Place = tuple[str, str]
PAGES = 6
MEMORY = Path("/dev/shm")
"""Thousands of small commits go there: what is tested is not the disk."""


@dataclass
class Repo:
    """A repository as the model has it."""

    private: bool
    refs: dict[str, str] = field(default_factory=dict)
    upstream: Place | None = None
    made: set[str] = field(default_factory=set)
    had: dict[str, list[str]] = field(default_factory=dict)


class Model:
    """What both hubs must have, and how to look."""

    def __init__(self) -> None:
        self.folder = tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None)
        self.hub, self.twin = (Inside(Path(self.folder.name) / name) for name in ("hub", "twin"))
        self.repos: dict[Place, Repo] = {}
        self.parents: dict[str, tuple[str, ...]] = {}
        self.content: dict[str, int] = {}
        self.erased: set[str] = set()
        self.same: dict[str, str] = {}

    def pushed(self, hub: Inside, owner: str, name: str, content: int, **more: Any) -> pb.Version:
        version = hub.push(owner, owner, name, content, **more)
        hub.publish(version.id, content)
        return version

    def opened(self, hub: Inside, place: Place, target: Place) -> pulls_pb2.Pull:
        request = pulls_pb2.OpenPullRequest(
            owner=target[0], name=target[1], head_owner=place[0], head_name=place[1], title="better"
        )
        made: pulls_pb2.Pull = hub.ask(place[0], hub.pulls.OpenPull, request).pull
        return made

    def add(self, repo: Repo, version: str, parents: tuple[str, ...], content: int) -> None:
        self.parents[version], self.content[version] = parents, content
        repo.made.add(version)

    def moved(self, repo: Repo, branch: str, version: str) -> None:
        repo.refs[branch] = version
        repo.had.setdefault(branch, []).append(version)

    def fallen(self, place: Place, repo: Repo) -> None:
        """Branches whose version is erased fall back to one that led to it and has all that they had before."""
        for branch, tip in repo.refs.items():
            if tip not in self.erased:
                continue
            asked = refs_pb2.GetRefRequest(owner=place[0], name=place[1], ref=branch)
            now = self.hub.ask(place[0], self.hub.refs.GetRef, asked).ref.version
            left = self.ancestors(tip) - self.erased
            assert now in left or not (left or now)
            had = left & set(repo.had.get(branch, []))
            assert not now or had <= self.ancestors(now), "an update is lost"
            repo.refs[branch] = now

    def newest(self, repo: Repo) -> str:
        """What a repository means where nothing says which version; empty if it has none."""
        led = repo.made.union(*(self.ancestors(one) for had in repo.had.values() for one in had))
        return next((one for one in reversed(self.parents) if one in led), "")

    def bases(self, one: str, other: str) -> set[str]:
        """The best common ancestors."""
        common = self.ancestors(one) & self.ancestors(other)
        return {v for v in common if not any(v in self.ancestors(o) for o in common - {v})}

    def ancestors(self, version: str) -> set[str]:
        found, waiting = set(), [version]
        while waiting:
            one = waiting.pop()
            if one not in found:
                found.add(one)
                waiting += self.parents[one]
        return found

    def reachable(self) -> set[str]:
        """What a repository holds: everything that led to what its refs named at any time."""
        with self.hub.database.read() as session:
            query = select(VersionRow.id).join(HistoryRow, HistoryRow.sequence == VersionRow.sequence)
            alive = query.join(RepositoryRow, RepositoryRow.id == HistoryRow.repository_id)
            found = set(session.scalars(alive.where(RepositoryRow.delete_time.is_(None))))
        heads = {head for repo in self.repos.values() for head in repo.refs.values() if head}
        assert {a for head in heads for a in self.ancestors(head)} <= found
        return found

    def rebuilds(self, owner: str, name: str, version: str) -> None:
        asked = pb.GetVersionRequest(owner=owner, name=name, ref=version)
        manifest = self.hub.ask(owner, self.hub.catalog.GetVersion, asked).version
        expected = () if version in self.erased else parts(self.content[version])
        assert (manifest.state == pb.VERSION_STATE_ERASED) == (version in self.erased)
        assert len(manifest.tensors) == len(expected)
        for tensor, data in zip(manifest.tensors, expected, strict=True):
            wanted = pb.ResolveDownloadRequest(owner=owner, name=name, version=version, digest=tensor.digest)
            found = self.hub.ask(SERVICE, self.hub.catalog.ResolveDownload, wanted).object
            with self.hub.objects.open(Area.SERVED, found.digest) as stream:
                assert stream.read() == data

    def seen(self, hub: Inside, account: str) -> Iterable[bytes]:
        """All that an outsider is told, ids and times aside, which no two hubs have in common."""
        names: dict[str, str] = {}
        for service, method, request in questions(ACCOUNTS, NAMES):
            for told in self.pages(hub, account, getattr(getattr(hub, service), method), request):
                yield plain(told, names)

    def pages(self, hub: Inside, account: str, method: Callable[..., Any], asked: Message) -> Iterable[Any]:
        """The answer; of a list its pages, one item each: what a cursor tells is told, too."""
        paged = "page" in asked.DESCRIPTOR.fields_by_name
        for _ in range(PAGES):
            if paged:
                asked.page.size = 1  # type: ignore[attr-defined]
            told = _told(lambda: hub.ask(account, method, asked))
            yield told
            if not paged or not getattr(told, "next_cursor", ""):
                return
            asked.page.cursor = told.next_cursor  # type: ignore[attr-defined]

    def grow_old(self) -> None:
        """Makes everything in the store old, so that only what is put from now on is young."""
        for path in files(self.hub):
            os.utime(path, (0, 0))


def _told(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except VoiceHubError as error:
        return f"{error.http_status} {error.message} {error.hint} {error.reason} {error.fields}"


def files(hub: Inside) -> set[Path]:
    return {path for path in hub.folder.rglob("*") if path.is_file()}
