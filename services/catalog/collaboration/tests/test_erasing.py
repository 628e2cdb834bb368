"""What an erasure or a deletion leaves of branches and merges: no update of anybody else is lost with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.catalog.collaboration.tests.inside import Inside
from services.catalog.collecting import Collected, Collector
from services.common.errors import Conflict
from services.common.objects import Area
from services.stubs.voicehub.catalog.v1 import access_pb2, forks_pb2, pulls_pb2, refs_pb2, watching_pb2
from services.stubs.voicehub.catalog.v1 import catalog_pb2 as pb
from services.stubs.voicehub.common.v1 import common_pb2


def made(hub: Inside, owner: str, content: int, **more: str) -> str:
    """A published version's id; everything here is called `voice`."""
    version = hub.push(owner, owner, "voice", content, **more)
    hub.publish(version.id, content)
    return version.id


def fork(hub: Inside, account: str, owner: str) -> None:
    hub.ask(account, hub.forks.ForkRepository, forks_pb2.ForkRepositoryRequest(owner=owner, name="voice"))


def asked(hub: Inside, author: str, owner: str, head: str, head_ref: str = "main") -> pulls_pb2.MergePullRequest:
    """A pull request into `main`, and how to merge it."""
    request = pulls_pb2.OpenPullRequest(
        owner=owner, name="voice", head_owner=author, head_name="voice", head_ref=head_ref, title="better"
    )
    number = hub.ask(author, hub.pulls.OpenPull, request).pull.number
    return pulls_pb2.MergePullRequest(owner=owner, name="voice", number=number, expected_head=head)


def erase(hub: Inside, owner: str, version: str) -> None:
    hub.ask(owner, hub.catalog.EraseVersion, pb.EraseVersionRequest(owner=owner, name="voice", version=version))


def main(hub: Inside, owner: str) -> str:
    return str(
        hub.ask(owner, hub.refs.GetRef, refs_pb2.GetRefRequest(owner=owner, name="voice", ref="main")).ref.version
    )


def pull(hub: Inside, ask: pulls_pb2.MergePullRequest) -> pulls_pb2.Pull:
    look = pulls_pb2.GetPullRequest(owner=ask.owner, name=ask.name, number=ask.number)
    found: pulls_pb2.Pull = hub.ask(ask.owner, hub.pulls.GetPull, look).pull
    return found


def log(hub: Inside, owner: str, ref: str = "main", size: int = 1) -> list[tuple[str, bool]]:
    """The history in pages: ids, and whether only a tombstone is left."""
    found: list[tuple[str, bool]] = []
    page = common_pb2.PageRequest(size=size)
    while not found or page.cursor:
        asked = refs_pb2.ListHistoryRequest(owner=owner, name="voice", ref=ref, page=page)
        answer = hub.ask("eve", hub.refs.ListHistory, asked)
        found += [(one.id, one.state == pb.VERSION_STATE_ERASED) for one in answer.versions]
        page.cursor = answer.next_cursor
    return found


def test_a_tip_that_is_erased_keeps_its_place_in_the_log_and_the_lineage(tmp_path: Path) -> None:
    hub = Inside(tmp_path)
    one, two, three = (made(hub, "ann", number) for number in (1, 2, 3))
    side = made(hub, "ann", 4, ref="side")
    fork(hub, "bob", "ann")
    for version in (two, three):
        erase(hub, "ann", version)
    assert main(hub, "ann") == main(hub, "bob") == one
    for owner in ("ann", "bob"):
        assert log(hub, owner) == [(three, True), (two, True), (one, False)]
    four = made(hub, "ann", 5)
    assert log(hub, "ann") == [(four, False), (three, True), (two, True), (one, False)]
    assert (side, False) not in log(hub, "ann")
    erase(hub, "ann", side)
    assert (side, True) not in log(hub, "ann"), "main never had it"
    seen = hub.ask("eve", hub.forks.GetLineage, forks_pb2.GetLineageRequest(owner="bob", name="voice")).nodes
    versions = {node.id: node.erased for node in seen if node.kind == forks_pb2.LINEAGE_KIND_VERSION}
    assert versions == {one: False, two: True, three: True, side: True, four: False}


def test_whose_refs_lose_a_version_is_told_and_the_answer_names_them(tmp_path: Path) -> None:
    hub = Inside(tmp_path)
    one, two = made(hub, "ann", 1), made(hub, "ann", 2)
    tag = refs_pb2.SetRefRequest(owner="ann", name="voice", ref="v2", version=two, kind=refs_pb2.REF_KIND_TAG)
    hub.ask("ann", hub.refs.SetRef, tag)
    fork(hub, "bob", "ann")
    private = pb.VISIBILITY_PRIVATE
    secret = forks_pb2.ForkRepositoryRequest(owner="ann", name="voice", visibility=private)
    hub.ask("dan", hub.forks.ForkRepository, secret)
    watch = watching_pb2.SetWatchRequest(owner="ann", name="voice", watching=True)
    hub.ask("eve", hub.watching.SetWatch, watch)
    request = pb.EraseVersionRequest(owner="ann", name="voice", version=two)
    done = hub.ask("ann", hub.catalog.EraseVersion, request)
    fallen = {(ref.owner, ref.ref, ref.version, ref.deleted) for ref in done.refs}
    assert fallen == {("ann", "main", one, False), ("ann", "v2", "", True), ("bob", "main", one, False)}
    assert not hub.ask("ann", hub.catalog.EraseVersion, request).refs, "it was erased already"
    ours, theirs = f"main is {one} now, the tag v2 is gone", f"main is {one} now"
    told = {"ann": [], "eve": [("ann", ours)], "bob": [("bob", theirs)], "dan": [("dan", theirs)]}
    for account, expected in told.items():
        listed = hub.ask(account, hub.watching.ListNotices, watching_pb2.ListNoticesRequest()).notices
        found = [(n.owner, n.text) for n in listed if n.kind == "version-erased" and n.subject == two]
        assert found == [(owner, f"{two} was erased by its maker: {text}.") for owner, text in expected], account


def test_who_keeps_samples_is_told_which_of_them_no_other_version_has(tmp_path: Path) -> None:
    hub = Inside(tmp_path)
    one, two = made(hub, "ann", 1), made(hub, "ann", 2)
    own, shared, late = "a" * 64, "b" * 64, "c" * 64
    hub.auditioned(one, own, shared)
    hub.auditioned(two, shared)
    erase(hub, "ann", one)
    hub.auditioned(one, late, shared)  # was spoken while the version was erased
    hub.auditioned(two, shared)
    assert hub.erased() == [(one, [own]), (one, [late])]


def test_a_branch_of_which_all_is_erased_has_a_history_of_tombstones(tmp_path: Path) -> None:
    hub = Inside(tmp_path)
    only = made(hub, "ann", 1)
    erase(hub, "ann", only)
    assert main(hub, "ann") == ""
    assert log(hub, "ann") == [(only, True)]


def test_without_its_merge_a_branch_has_what_it_had_before_and_not_what_came_later(tmp_path: Path) -> None:
    hub = Inside(tmp_path)
    made(hub, "ann", 1)
    fork(hub, "bob", "ann")
    ours = made(hub, "ann", 2)
    theirs = made(hub, "bob", 3)
    merged = hub.merge_weights(asked(hub, "bob", "ann", theirs), 4)
    assert main(hub, "ann") == merged
    erase(hub, "ann", merged)
    assert main(hub, "ann") == ours, "the newest that led to it is bob's, and lacks what ann had pushed"


def test_two_merges_back_it_is_still_the_side_of_the_branch(tmp_path: Path) -> None:
    hub = Inside(tmp_path)
    made(hub, "ann", 1)
    for other in ("bob", "cyd"):
        fork(hub, other, "ann")
    one = made(hub, "bob", 2)
    hub.ask("ann", hub.pulls.MergePull, asked(hub, "bob", "ann", one))
    assert main(hub, "ann") == one, "a step forward, to a version of bob's"
    other = made(hub, "cyd", 3)
    both = hub.merge_weights(asked(hub, "cyd", "ann", other), 4)
    more = made(hub, "ann", 5)
    erase(hub, "ann", both)
    assert main(hub, "ann") == more
    erase(hub, "ann", more)
    assert main(hub, "ann") == one


def test_a_merge_of_a_head_that_is_erased_meanwhile_is_not_made(tmp_path: Path) -> None:
    hub = Inside(tmp_path)
    made(hub, "ann", 1)
    fork(hub, "bob", "ann")
    ours, theirs = made(hub, "ann", 2), made(hub, "bob", 3)
    ask = asked(hub, "bob", "ann", theirs)
    done = hub.begin(ask)
    erase(hub, "bob", theirs)
    assert hub.complete(done, ask, 4) == ""
    assert "was erased" in pull(hub, ask).merge_failure
    theirs = made(hub, "bob", 5)
    ask.expected_head = theirs
    result = hub.complete(hub.begin(ask), ask, 6)
    erase(hub, "bob", theirs)
    hub.publish(result, 6)
    assert "was erased" in pull(hub, ask).merge_failure
    assert main(hub, "ann") == ours


def test_a_repository_that_is_deleted_while_weights_are_merged_for_it_holds_nothing(tmp_path: Path) -> None:
    hub = Inside(tmp_path)
    made(hub, "ann", 1)
    made(hub, "ann", 2, ref="side")
    theirs = made(hub, "ann", 3, ref="side")
    made(hub, "ann", 4)
    ask = asked(hub, "ann", "ann", theirs, "side")
    done = hub.begin(ask)
    result = hub.complete(done, ask, 5)
    hub.ask("ann", hub.access.DeleteRepository, access_pb2.DeleteRepositoryRequest(owner="ann", name="voice"))
    hub.publish(result, 5)
    with pytest.raises(Conflict):
        hub.complete(done, ask, 5)
    collector = Collector(hub.database, hub.objects, grace_seconds=0)
    assert collector.collect().versions == 5
    assert not set(hub.objects.digests(Area.SERVED))
    assert collector.collect() == Collected(0, 0, 0)
