"""Random histories of push, fork, merge, delete, erase and gc by several clients at once, against a plain model.

After each step: no update is lost, no object dangles, every version rebuilds bit-exactly. Now and then, and in the end:
whoever may not see what is private is told the same as by a hub that does not have it (a second hub, which did only
what is public).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any

from blake3 import blake3
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from services.catalog.collaboration.tests.inside import Inside, parts
from services.catalog.collaboration.tests.model import ACCOUNTS, NAMES, Model, Repo, files
from services.catalog.collecting import Collector
from services.common.errors import Conflict, VoiceHubError
from services.common.objects import Area
from services.stubs.voicehub.catalog.v1 import access_pb2, forks_pb2, pulls_pb2, refs_pb2
from services.stubs.voicehub.catalog.v1 import catalog_pb2 as pb

OUTSIDERS = ("", "eve")
BRANCHES = ("main", "side")
CONTENTS = st.integers(0, 3)


class Histories(Model, RuleBasedStateMachine):
    """Two hubs: `hub` does everything, `twin` only what is public."""

    def __init__(self) -> None:
        RuleBasedStateMachine.__init__(self)
        Model.__init__(self)

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
        version = self.pushed(self.hub, owner, name, content, ref=branch, visibility_if_new=kind)
        assert list(version.parents) == ([tip] if tip else [])
        self.add(repo, version.id, tuple(version.parents), content)
        self.moved(repo, branch, version.id)
        if not repo.private:
            twin = self.pushed(self.twin, owner, name, content, ref=branch, visibility_if_new=kind)
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
                won.append((self.pushed(self.hub, *place, content, onto=old), content))
            except Conflict as told:
                lost.append(told)

        self.grow_old()
        collector = Collector(self.hub.database, self.hub.objects, grace_seconds=600)
        _together([*(lambda c=c: push(c) for c in contents), collector.collect])
        assert (len(won), len(lost)) == (1, len(contents) - 1)
        ((version, content),) = won
        assert all(told.fields["tip"] == version.id and told.fields["expected"] == old for told in lost)
        self.add(repo, version.id, tuple(version.parents), content)
        self.moved(repo, "main", version.id)
        if not repo.private:
            self.same[version.id] = self.pushed(self.twin, *place, content, onto=self.same[old]).id

    @precondition(lambda self: any(r.refs.get("main") for r in self.repos.values()))
    @rule(data=st.data(), content=CONTENTS, name=st.sampled_from(NAMES))
    def all_at_once(self, data: st.DataObject, content: int, name: str) -> None:
        """A push, a fork, an erasure and garbage collection at the same moment: each is done, in whatever order."""
        place = data.draw(st.sampled_from(sorted(p for p, r in self.repos.items() if r.refs.get("main"))))
        repo, made, forked = self.repos[place], list[pb.Version](), list[str]()
        old, account = repo.refs["main"], data.draw(st.sampled_from(ACCOUNTS))
        tips = {tip for one in self.repos.values() for tip in one.refs.values()}
        erasable = sorted(repo.made - self.erased - tips)
        gone = data.draw(st.sampled_from(erasable)) if erasable else ""
        forks = (not repo.private or place[0] == account) and (account, name) not in self.repos

        def fork(hub: Inside) -> str:
            request = forks_pb2.ForkRepositoryRequest(owner=place[0], name=place[1], new_name=name)
            return str(hub.ask(account, hub.forks.ForkRepository, request).repository.head)

        def erase(hub: Inside, version: str) -> None:
            request = pb.EraseVersionRequest(owner=place[0], name=place[1], version=version)
            hub.ask(place[0], hub.catalog.EraseVersion, request)

        self.grow_old()
        work: list[Callable[[], Any]] = [
            lambda: made.append(self.pushed(self.hub, *place, content)),
            Collector(self.hub.database, self.hub.objects, grace_seconds=600).collect,
        ]
        work += [lambda: forked.append(fork(self.hub))] * forks + [lambda: erase(self.hub, gone)] * bool(gone)
        _together(work)
        (version,) = made
        assert list(version.parents) == [old]
        assert set(forked) <= {old, version.id}
        self.add(repo, version.id, (old,), content)
        self.moved(repo, "main", version.id)
        self.erased |= {gone} - {""}

        def repeat() -> None:
            self.same[version.id] = self.pushed(self.twin, *place, content).id

        steps: list[Callable[[], Any]] = [repeat]
        if forks:
            self.repos[account, name] = Repo(repo.private, upstream=place)
            self.moved(self.repos[account, name], "main", forked[0])
            steps.insert(int(forked[0] != old), lambda: fork(self.twin))
        for step in [] if repo.private else steps:
            step()
        if gone and not repo.private:
            erase(self.twin, self.same[gone])

    @precondition(lambda self: self.repos)
    @rule(data=st.data(), account=st.sampled_from(ACCOUNTS), name=st.sampled_from(NAMES))
    def fork(self, data: st.DataObject, account: str, name: str) -> None:
        place = data.draw(st.sampled_from(sorted(self.repos)))
        repo = self.repos[place]
        request = forks_pb2.ForkRepositoryRequest(owner=place[0], name=place[1], new_name=name)
        head = repo.refs.get("main") or self.newest(repo)
        may = (not repo.private or place[0] == account) and head not in self.erased | {""}
        if not may or (account, name) in self.repos:
            _refused(lambda: self.hub.ask(account, self.hub.forks.ForkRepository, request))
            return
        before = files(self.hub)
        self.hub.ask(account, self.hub.forks.ForkRepository, request)
        assert files(self.hub) == before
        self.repos[account, name] = Repo(repo.private, upstream=place)
        self.moved(self.repos[account, name], "main", head)
        if not repo.private:
            self.twin.ask(account, self.twin.forks.ForkRepository, request)

    @precondition(lambda self: any(r.upstream in self.repos for r in self.repos.values()))
    @rule(data=st.data(), weights=st.booleans(), content=CONTENTS)
    def merge(self, data: st.DataObject, weights: bool, content: int) -> None:
        """A pull request of a fork into its upstream: merged as a step forward, else by weights, or closed."""
        forks = sorted(p for p, r in self.repos.items() if r.upstream in self.repos)
        place = data.draw(st.sampled_from(forks))
        fork = self.repos[place]
        target = fork.upstream or place
        upstream = self.repos[target]
        head, base = fork.refs.get("main", ""), upstream.refs.get("main", "")
        ahead = bool(head and base) and head not in self.ancestors(base)
        hidden = upstream.private and target[0] != place[0]
        if not ahead or hidden or (fork.private and not upstream.private):
            _refused(lambda: self.opened(self.hub, place, target))
            return
        forward, merged, bases = base in self.ancestors(head), "", self.bases(base, head)
        weights = weights and bool(bases) and not bases & self.erased
        for hub, wanted in ((self.hub, head), (self.twin, self.same.get(head, ""))):
            if hub is self.twin and upstream.private:
                continue
            made = self.opened(hub, place, target)
            number: dict[str, Any] = {"owner": target[0], "name": target[1], "number": made.number}
            ask = pulls_pb2.MergePullRequest(**number, expected_head=wanted)
            if forward:
                hub.ask(target[0], hub.pulls.MergePull, ask)
            elif weights:
                result = hub.merge_weights(ask, content)
                if hub is self.hub:
                    self.add(upstream, result, (base, head), content)
                    merged = result
                else:
                    self.same[merged] = result
            else:
                _refused(lambda: hub.ask(target[0], hub.pulls.MergePull, ask))  # noqa: B023
                hub.ask(target[0], hub.pulls.ClosePull, pulls_pb2.ClosePullRequest(**number))
        if forward or weights:
            self.moved(upstream, "main", head if forward else merged)

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
        for at, repo in self.repos.items():
            self.fallen(at, repo)

    @rule()
    def collect(self) -> None:
        Collector(self.hub.database, self.hub.objects, grace_seconds=0).collect()
        kept = self.reachable() - self.erased
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
                assert seen == self.ancestors(head)
                for version in seen:
                    self.rebuilds(owner, name, version)

    @rule()
    def private_things_stay_unseen(self) -> None:
        for account in OUTSIDERS:
            for number, (ours, theirs) in enumerate(
                zip(self.seen(self.hub, account), self.seen(self.twin, account), strict=True)
            ):
                assert ours == theirs, f"answer {number} tells {account!r} of what is private"


def _refused(call: Callable[[], Any]) -> None:
    try:
        call()
    except VoiceHubError:
        return
    raise AssertionError("this must be refused")


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
