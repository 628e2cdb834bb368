"""Random histories of push, fork, merge, delete, erase and gc by several clients at once, against a plain model.

After each step: no update is lost, no object dangles, every version rebuilds bit-exactly. Now and then, and in the end:
whoever may not see what is private is told the same as by a hub that does not have it (a second hub, which did only
what is public).
"""

from __future__ import annotations

import base64
import re
import tempfile
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from blake3 import blake3
from google.protobuf.message import Message
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from services.catalog.collaboration.tests.inside import SERVICE, Inside, parts
from services.catalog.collecting import Collector
from services.common.errors import Conflict, VoiceHubError
from services.common.objects import Area
from services.stubs.voicehub.catalog.v1 import access_pb2, forks_pb2, pulls_pb2, refs_pb2
from services.stubs.voicehub.catalog.v1 import catalog_pb2 as pb

ACCOUNTS = ("ann", "bob", "cyd")
OUTSIDERS = ("", "eve")
NAMES = ("one", "two")
BRANCHES = ("main", "side")
CONTENTS = st.integers(0, 3)
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


class Histories(RuleBasedStateMachine):
    """Two hubs: `hub` does everything, `twin` only what is public."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None)
        self.hub, self.twin = (Inside(Path(self.folder.name) / name) for name in ("hub", "twin"))
        self.repos: dict[Place, Repo] = {}
        self.parents: dict[str, tuple[str, ...]] = {}
        self.content: dict[str, int] = {}
        self.order: list[str] = []
        self.erased: set[str] = set()
        self.labels: dict[int, dict[str, str]] = {id(self.hub): {}, id(self.twin): {}}
        self.same: dict[str, str] = {}

    def teardown(self) -> None:
        self.private_things_stay_unseen()
        for hub in (self.hub, self.twin):
            hub.database.engine.dispose()
        self.folder.cleanup()

    # -- steps ------------------------------------------------------------------------------------------------------

    @rule(owner=st.sampled_from(ACCOUNTS), name=st.sampled_from(NAMES), private=st.booleans(), content=CONTENTS,
          branch=st.sampled_from(BRANCHES))  # fmt: skip
    def push(self, owner: str, name: str, private: bool, content: int, branch: str) -> None:
        repo = self.repos.setdefault((owner, name), Repo(private))
        tip = repo.refs[branch] if branch in repo.refs else repo.refs.get("main", "")
        kind = pb.VISIBILITY_PRIVATE if repo.private else pb.VISIBILITY_PUBLIC
        version = self._push(self.hub, owner, name, content, ref=branch, visibility_if_new=kind)
        assert list(version.parents) == ([tip] if tip else [])
        self._made(repo, version.id, tuple(version.parents), content)
        repo.refs[branch] = version.id
        if not repo.private:
            twin = self._push(self.twin, owner, name, content, ref=branch, visibility_if_new=kind)
            self.same[version.id] = twin.id

    @precondition(lambda self: self.repos)
    @rule(data=st.data(), contents=st.lists(CONTENTS, min_size=2, max_size=3))
    def push_at_once(self, data: st.DataObject, contents: list[int]) -> None:
        """Several pushes onto the same tip: one wins. Beside them garbage is collected."""
        place = data.draw(st.sampled_from(sorted(p for p, r in self.repos.items() if r.refs.get("main")) or [("", "")]))
        if place not in self.repos:
            return
        repo, won, lost = self.repos[place], [], []
        old = repo.refs["main"]

        def push(content: int) -> None:
            try:
                won.append((self._push(self.hub, *place, content, onto=old), content))
            except Conflict as told:
                lost.append(told)

        self._age()
        collector = Collector(self.hub.database, self.hub.objects, grace_seconds=600)
        _together([*(lambda c=c: push(c) for c in contents), collector.collect])
        assert (len(won), len(lost)) == (1, len(contents) - 1)
        ((version, content),) = won
        assert all(told.fields["tip"] == version.id and told.fields["expected"] == old for told in lost)
        self._made(repo, version.id, tuple(version.parents), content)
        repo.refs["main"] = version.id
        if not repo.private:
            self.same[version.id] = self._push(self.twin, *place, content, onto=self.same[old]).id

    @precondition(lambda self: self.repos)
    @rule(data=st.data(), account=st.sampled_from(ACCOUNTS), name=st.sampled_from(NAMES))
    def fork(self, data: st.DataObject, account: str, name: str) -> None:
        place = data.draw(st.sampled_from(sorted(self.repos)))
        repo = self.repos[place]
        request = forks_pb2.ForkRepositoryRequest(owner=place[0], name=place[1], new_name=name)
        may = (not repo.private or place[0] == account) and bool(repo.refs.get("main"))
        if not may or (account, name) in self.repos:
            _refused(lambda: self.hub.ask(account, self.hub.forks.ForkRepository, request))
            return
        before = _files(self.hub)
        self.hub.ask(account, self.hub.forks.ForkRepository, request)
        assert _files(self.hub) == before
        self.repos[account, name] = Repo(repo.private, {"main": repo.refs["main"]}, place)
        if not repo.private:
            self.twin.ask(account, self.twin.forks.ForkRepository, request)

    @precondition(lambda self: any(r.upstream in self.repos for r in self.repos.values()))
    @rule(data=st.data())
    def merge(self, data: st.DataObject) -> None:
        """A pull request of a fork into its upstream: merged if it is a step forward, closed if not."""
        forks = sorted(p for p, r in self.repos.items() if r.upstream in self.repos)
        place = data.draw(st.sampled_from(forks))
        fork = self.repos[place]
        target = fork.upstream or place
        upstream = self.repos[target]
        head, base = fork.refs.get("main", ""), upstream.refs.get("main", "")
        ahead = bool(head and base) and head not in self._ancestors(base)
        hidden = upstream.private and target[0] != place[0]
        if not ahead or hidden or (fork.private and not upstream.private):
            _refused(lambda: self._open(self.hub, place, target))
            return
        forward = base in self._ancestors(head)
        for hub, wanted in ((self.hub, head), (self.twin, self.same.get(head, ""))):
            if hub is self.twin and upstream.private:
                continue
            made = self._open(hub, place, target)
            number: dict[str, Any] = {"owner": target[0], "name": target[1], "number": made.number}
            ask = pulls_pb2.MergePullRequest(**number, expected_head=wanted)
            if forward:
                hub.ask(target[0], hub.pulls.MergePull, ask)
            else:
                _refused(lambda: hub.ask(target[0], hub.pulls.MergePull, ask))  # noqa: B023
                hub.ask(target[0], hub.pulls.ClosePull, pulls_pb2.ClosePullRequest(**number))
        if forward:
            upstream.refs["main"] = head

    @precondition(lambda self: self.repos)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        place = data.draw(st.sampled_from(sorted(self.repos)))
        request = access_pb2.DeleteRepositoryRequest(owner=place[0], name=place[1])
        for other in {*ACCOUNTS} - {place[0]}:
            _refused(lambda: self.hub.ask(other, self.hub.access.DeleteRepository, request))  # noqa: B023
        self.hub.ask(place[0], self.hub.access.DeleteRepository, request)
        if not self.repos.pop(place).private:
            self.twin.ask(place[0], self.twin.access.DeleteRepository, request)
        for repo in self.repos.values():
            repo.upstream = None if repo.upstream == place else repo.upstream

    @precondition(lambda self: any(r.made - self.erased for r in self.repos.values()))
    @rule(data=st.data())
    def erase(self, data: st.DataObject) -> None:
        """Its maker erases a version: branches fall back, also those of forks, and it is nowhere but in the graph."""
        made = sorted((place, v) for place, repo in self.repos.items() for v in repo.made - self.erased)
        place, version = data.draw(st.sampled_from(made))
        request = pb.EraseVersionRequest(owner=place[0], name=place[1], version=version)
        for other in {*ACCOUNTS} - {place[0]}:
            _refused(lambda: self.hub.ask(other, self.hub.catalog.EraseVersion, request))  # noqa: B023
        done = self.hub.ask(place[0], self.hub.catalog.EraseVersion, request).version
        assert (done.state, len(done.tensors)) == (pb.VERSION_STATE_ERASED, 0)
        if not self.repos[place].private:
            request.version = self.same[version]
            self.twin.ask(place[0], self.twin.catalog.EraseVersion, request)
        self.erased.add(version)
        for repo in self.repos.values():
            repo.refs = {name: self._left_of(tip) for name, tip in repo.refs.items()}

    @rule()
    def collect(self) -> None:
        Collector(self.hub.database, self.hub.objects, grace_seconds=0).collect()
        kept = self._reachable() - self.erased
        wanted = {blake3(part).hexdigest() for v in kept for part in parts(self.content[v])}
        assert set(self.hub.objects.digests(Area.SERVED)) == wanted, "what nobody holds is removed, and nothing else"

    # -- what always holds ------------------------------------------------------------------------------------------

    @invariant()
    def no_update_is_lost_and_every_version_rebuilds(self) -> None:
        for (owner, name), repo in self.repos.items():
            asked = refs_pb2.ListRefsRequest(owner=owner, name=name)
            listed = self.hub.ask(owner, self.hub.refs.ListRefs, asked).refs
            branches = {ref.name: ref.version for ref in listed if ref.kind == refs_pb2.REF_KIND_BRANCH}
            assert branches == repo.refs
            for head in set(repo.refs.values()) - {""}:
                history = refs_pb2.ListHistoryRequest(owner=owner, name=name, ref=head)
                seen = {v.id for v in self.hub.ask(owner, self.hub.refs.ListHistory, history).versions}
                assert seen == self._ancestors(head)
                for version in seen:
                    self._rebuilds(owner, name, version)

    @rule()
    def private_things_stay_unseen(self) -> None:
        for account in OUTSIDERS:
            for number, (ours, theirs) in enumerate(
                zip(self._seen(self.hub, account), self._seen(self.twin, account), strict=True)
            ):
                assert ours == theirs, f"answer {number} tells {account!r} of what is private"

    # -- details ----------------------------------------------------------------------------------------------------

    def _push(self, hub: Inside, owner: str, name: str, content: int, **more: Any) -> pb.Version:
        version = hub.push(owner, owner, name, content, **more)
        hub.publish(version.id, content)
        return version

    def _open(self, hub: Inside, place: Place, target: Place) -> pulls_pb2.Pull:
        request = pulls_pb2.OpenPullRequest(
            owner=target[0], name=target[1], head_owner=place[0], head_name=place[1], title="better"
        )
        made: pulls_pb2.Pull = hub.ask(place[0], hub.pulls.OpenPull, request).pull
        return made

    def _made(self, repo: Repo, version: str, parents: tuple[str, ...], content: int) -> None:
        self.parents[version], self.content[version] = parents, content
        self.order.append(version)
        repo.made.add(version)

    def _left_of(self, tip: str) -> str:
        """The version, or the newest that led to it and is not erased; empty if there is none."""
        led = [v for v in reversed(self.order) if tip and v in self._ancestors(tip) - self.erased]
        return led[0] if led else ""

    def _ancestors(self, version: str) -> set[str]:
        found, waiting = set(), [version]
        while waiting:
            one = waiting.pop()
            if one not in found:
                found.add(one)
                waiting += self.parents[one]
        return found

    def _reachable(self) -> set[str]:
        """What a repository holds: everything that led to what its refs named at any time."""
        with self.hub.database.read() as session:
            from sqlalchemy import select

            from services.catalog.store.tables import HistoryRow, RepositoryRow, VersionRow

            query = select(VersionRow.id).join(HistoryRow, HistoryRow.sequence == VersionRow.sequence)
            alive = query.join(RepositoryRow, RepositoryRow.id == HistoryRow.repository_id)
            found = set(session.scalars(alive.where(RepositoryRow.delete_time.is_(None))))
        heads = {head for repo in self.repos.values() for head in repo.refs.values() if head}
        assert {a for head in heads for a in self._ancestors(head)} <= found
        return found

    def _rebuilds(self, owner: str, name: str, version: str) -> None:
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

    def _seen(self, hub: Inside, account: str) -> Iterable[bytes]:
        """All that an outsider is told, ids and times aside, which no two hubs have in common."""
        places = [(owner, name) for owner in ACCOUNTS for name in NAMES]
        asks: list[tuple[Callable[..., Any], Message]] = [
            (hub.catalog.ListRepositories, pb.ListRepositoriesRequest()),
            (hub.catalog.SearchVoices, pb.SearchVoicesRequest(query="demo", forks=True)),
        ]
        for owner, name in places:
            at: dict[str, Any] = {"owner": owner, "name": name}
            asks += [
                (hub.catalog.GetRepository, pb.GetRepositoryRequest(**at)),
                (hub.catalog.GetVersion, pb.GetVersionRequest(**at)),
                (hub.catalog.ListVersions, pb.ListVersionsRequest(**at)),
                (hub.refs.ListRefs, refs_pb2.ListRefsRequest(**at)),
                (hub.refs.ListHistory, refs_pb2.ListHistoryRequest(**at)),
                (hub.forks.GetLineage, forks_pb2.GetLineageRequest(**at)),
                (hub.pulls.ListPulls, pulls_pb2.ListPullsRequest(**at)),
                (hub.forks.ForkRepository, forks_pb2.ForkRepositoryRequest(**at, new_owner="nobody")),
            ]
        names: dict[str, str] = {}
        return [_plain(told, names) for ask in asks for told in self._pages(hub, account, *ask)]

    def _pages(self, hub: Inside, account: str, method: Callable[..., Any], asked: Message) -> Iterable[Any]:
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

    def _age(self) -> None:
        """Makes everything in the store old, so that only what is put from now on is young."""
        import os

        for path in _files(self.hub):
            os.utime(path, (0, 0))


def _told(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except VoiceHubError as error:
        return f"{error.http_status} {error.message} {error.hint} {error.reason} {error.fields}"


def _plain(told: Any, names: dict[str, str]) -> bytes:
    """The answer as text, its ids (32 hex digits) numbered in their order, times and scores left out."""
    text = re.sub(r"(seconds|nanos|score): [-\d.e]+\n", "", str(told))
    text = re.sub(r'next_cursor: "([^"]*)"', _opened, text)
    text = re.sub(r'  key: "standing"\n    value: [-\d.e]+\n', "", text)
    for found in re.findall(r"\b[0-9a-f]{32}\b", text):
        names.setdefault(found, f"id {len(names)}")
    return re.sub(r"\b[0-9a-f]{32}\b", lambda match: names[match.group()], text).encode()


def _opened(cursor: re.Match[str]) -> str:
    """What a cursor says; of a search without the name of the ranking, which is a digest of its ids and scores."""
    said = base64.urlsafe_b64decode(cursor[1] + "=" * (-len(cursor[1]) % 4)).decode()
    return f"next_cursor: {re.sub('(?<=search., .)[0-9a-f]{16}:', '', said)}"


def _refused(call: Callable[[], Any]) -> None:
    try:
        call()
    except VoiceHubError:
        return
    raise AssertionError("this must be refused")


def _files(hub: Inside) -> set[Path]:
    return {path for path in hub.folder.rglob("*") if path.is_file()}


def _together(calls: Iterable[Callable[[], Any]]) -> None:
    failures: list[BaseException] = []

    def guarded(call: Callable[[], Any]) -> None:
        try:
            call()
        except BaseException as error:  # noqa: BLE001 - raised below, in the thread of the test
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for failure in failures:
        raise failure


TestHistories = Histories.TestCase
TestHistories.settings = settings(
    max_examples=4, stateful_step_count=14, deadline=None, suppress_health_check=list(HealthCheck)
)
