"""Branches, tags and history on a real catalog: compare-and-set, protection, what a withdrawn version leaves."""

from __future__ import annotations

import threading
from typing import Any

from services.catalog import paging
from services.catalog.collaboration.tests.steps import grant, pushed, ref, refs_of, refusal, told, watch
from services.catalog.tests.conftest import Hub
from services.stubs.voicehub.catalog.v1 import catalog_pb2 as pb
from services.stubs.voicehub.catalog.v1 import refs_pb2
from services.stubs.voicehub.common.v1 import common_pb2


def history(hub: Hub, owner: str, name: str, branch: str = "", size: int = 100) -> list[str]:
    seen: list[str] = []
    cursor = ""
    while not seen or cursor:
        page = common_pb2.PageRequest(size=size, cursor=cursor)
        request = refs_pb2.ListHistoryRequest(owner=owner, name=name, ref=branch, page=page)
        answer = refs_of(hub, owner).ListHistory(request)
        seen += [version.id for version in answer.versions]
        cursor = answer.next_cursor
    return seen


def test_of_two_pushes_at_once_one_wins_and_the_other_is_told_what_changed(hub: Hub) -> None:
    first = pushed(hub, "ann", "raced")
    requests = [hub.push_request("ann", "raced", onto=first, message=f"by {n}") for n in range(8)]
    stubs = [hub.stub("ann") for _ in requests]
    won, lost = [], []

    def push(number: int) -> None:
        try:
            won.append(stubs[number].CreateVersion(requests[number]).version)
        except Exception as error:  # noqa: BLE001 - looked at below
            lost.append((number, error))

    threads = [threading.Thread(target=push, args=(n,)) for n in range(len(requests))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(won), len(lost)) == (1, 7)
    told = refusal(hub.stub("ann").CreateVersion, requests[lost[0][0]])
    assert (told.http_status, told.reason) == (409, "REF_MOVED")
    assert (told.fields["tip"], told.fields["author"], told.fields["expected"]) == (won[0].id, "ann", first)
    assert won[0].message in told.message
    assert won[0].id in told.hint
    assert list(won[0].parents) == [first]
    again = hub.push_request("ann", "raced", onto=won[0].id)
    assert list(hub.stub("ann").CreateVersion(again).version.parents) == [won[0].id]


def test_a_branch_follows_what_was_pushed_to_it_and_main_stays(hub: Hub) -> None:
    one = pushed(hub, "ann", "branchy")
    two = pushed(hub, "ann", "branchy", ref="warmer", publish=False)
    waiting = ref(hub, "ann", "branchy", "warmer")
    assert (waiting.version, waiting.tip, waiting.updater) == ("", two, "ann")
    hub.walk(two)
    hub.until(hub.stub("bob"), "ann", "branchy", two, pb.VERSION_STATE_PUBLISHED)
    assert (ref(hub, "ann", "branchy", "warmer").version, ref(hub, "ann", "branchy").version) == (two, one)
    three = pushed(hub, "ann", "branchy", ref="warmer")
    assert history(hub, "ann", "branchy", "warmer", size=2) == [three, two, one]
    assert history(hub, "ann", "branchy") == [one]
    compared = refs_pb2.CompareVersionsRequest(owner="ann", name="branchy", base="main", head="warmer")
    found = refs_of(hub, "bob").CompareVersions(compared)
    assert (list(found.merge_bases), found.ahead, found.behind) == ([one], 2, 0)
    move = refs_pb2.SetRefRequest(owner="ann", name="branchy", ref="main", version="warmer", expected=one)
    assert refs_of(hub, "ann").SetRef(move).ref.version == three
    back = refs_pb2.SetRefRequest(owner="ann", name="branchy", ref="main", version=one, expected=three)
    assert refusal(refs_of(hub, "ann").SetRef, back).reason == "NOT_A_FAST_FORWARD"
    back.force = True
    assert refs_of(hub, "ann").SetRef(back).ref.version == one


def test_tags_stay_and_names_are_taken_away_only_as_seen(hub: Hub) -> None:
    one = pushed(hub, "ann", "tagged")
    stub = refs_of(hub, "ann")
    tag = refs_pb2.SetRefRequest(owner="ann", name="tagged", ref="v1", version="main", kind=refs_pb2.REF_KIND_TAG)
    assert stub.SetRef(tag).ref.version == one
    again = refusal(stub.SetRef, tag)
    assert again.reason == "TAG_EXISTS"
    assert ("exists already" in again.message, "voicehub tag ann/tagged v1 --delete" in again.hint) == (True, True)
    branch = refs_pb2.SetRefRequest(owner="ann", name="tagged", ref="main", version=one, kind=refs_pb2.REF_KIND_TAG)
    assert refusal(stub.SetRef, branch).reason == "BRANCH_EXISTS"
    two = pushed(hub, "ann", "tagged")
    tag.expected, tag.version = one, two
    assert refusal(stub.SetRef, tag).reason == "TAG_EXISTS"
    assert refusal(hub.stub("ann").CreateVersion, hub.push_request("ann", "tagged", ref="v1")).reason == "TAG_EXISTS"
    assert hub.stub("bob").GetVersion(pb.GetVersionRequest(owner="ann", name="tagged", ref="v1")).version.id == one
    listed = stub.ListRefs(refs_pb2.ListRefsRequest(owner="ann", name="tagged", page=common_pb2.PageRequest(size=1)))
    assert [(r.name, r.kind) for r in listed.refs] == [("main", refs_pb2.REF_KIND_BRANCH)]
    away = refs_pb2.DeleteRefRequest(owner="ann", name="tagged", ref="v1", expected=two)
    assert refusal(stub.DeleteRef, away).reason == "REF_MOVED"
    away.expected = one
    stub.DeleteRef(away)
    assert refusal(stub.DeleteRef, away).http_status == 404
    for name in ("../x", "pull-3", "0" * 32, ""):
        tag.ref = name
        assert refusal(stub.SetRef, tag).http_status == 400


def test_a_protected_branch_takes_no_push_and_is_not_deleted(hub: Hub) -> None:
    one = pushed(hub, "ann", "guarded")
    stub = refs_of(hub, "ann")
    rules = refs_pb2.Protection(approvals=1, similarity_drop=0.02)
    guard = refs_pb2.ProtectRefRequest(owner="ann", name="guarded", ref="main", protected=True, protection=rules)
    assert stub.ProtectRef(guard).ref.protection == rules
    push = hub.push_request("ann", "guarded")
    assert refusal(hub.stub("ann").CreateVersion, push).reason == "PROTECTED_REF"
    away = refs_pb2.DeleteRefRequest(owner="ann", name="guarded", ref="main", expected=one)
    assert refusal(stub.DeleteRef, away).reason == "PROTECTED_REF"
    assert refusal(refs_of(hub, "bob").ProtectRef, guard).reason == "ROLE_MISSING"
    guard.protected = False
    assert not stub.ProtectRef(guard).ref.protected
    hub.stub("ann").CreateVersion(push)


def test_deleting_a_branch_and_making_it_anew_is_no_way_around_the_role_maintain(hub: Hub) -> None:
    one, two = pushed(hub, "ann", "bypassed"), pushed(hub, "ann", "bypassed")
    grant(hub, "ann", "bypassed", "wes", "write")
    grant(hub, "ann", "bypassed", "mia", "maintain")
    watch(hub, "eve", "ann", "bypassed")
    wes = refs_of(hub, "wes")
    where: dict[str, Any] = {"owner": "ann", "name": "bypassed"}
    back = refs_pb2.SetRefRequest(**where, ref="main", version=one, expected=two, force=True)
    assert refusal(wes.SetRef, back).reason == "ROLE_MISSING"
    away = refs_pb2.DeleteRefRequest(**where, ref="main", expected=two)
    for account in ("wes", "mia", "ann"):
        refused = refusal(refs_of(hub, account).DeleteRef, away)
        assert refused.reason == "DEFAULT_BRANCH"
        assert "voicehub branch ann/bypassed main --at VERSION --force" in refused.hint
    assert ref(hub, "ann", "bypassed").version == two
    assert refs_of(hub, "mia").SetRef(back).ref.version == one
    text = f"main was forced from {two} to {one}."
    assert told(hub, "ann", "bypassed", "forced-move") == [("forced-move", one, text, "mia")]
    assert len(told(hub, "eve", "bypassed", "forced-move")) == 1
    assert not told(hub, "mia", "bypassed", "forced-move")


def test_a_deleted_branch_comes_back_where_it_loses_nothing_unless_forced(hub: Hub) -> None:
    one = pushed(hub, "ann", "revenant")
    two = pushed(hub, "ann", "revenant", ref="side")
    grant(hub, "ann", "revenant", "wes", "write")
    wes = refs_of(hub, "wes")
    where: dict[str, Any] = {"owner": "ann", "name": "revenant"}
    wes.DeleteRef(refs_pb2.DeleteRefRequest(**where, ref="side", expected=two))
    anew = refs_pb2.SetRefRequest(**where, ref="side", version=one)
    assert refusal(wes.SetRef, anew).reason == "NOT_A_FAST_FORWARD"
    anew.force = True
    assert refusal(wes.SetRef, anew).reason == "ROLE_MISSING"
    assert wes.SetRef(refs_pb2.SetRefRequest(**where, ref="side", version=two)).ref.version == two
    wes.DeleteRef(refs_pb2.DeleteRefRequest(**where, ref="side", expected=two))
    assert refs_of(hub, "ann").SetRef(anew).ref.version == one


def test_a_push_to_the_name_of_a_deleted_branch_begins_a_new_one_where_it_says(hub: Hub) -> None:
    one, two = pushed(hub, "ann", "begun"), pushed(hub, "ann", "begun", ref="side")
    stale = hub.push_request("ann", "begun", ref="side", onto=one)
    assert refusal(hub.stub("ann").CreateVersion, stale).reason == "REF_MOVED", "while it is there, it counts"
    gone = refs_pb2.DeleteRefRequest(owner="ann", name="begun", ref="side", expected=two)
    refs_of(hub, "ann").DeleteRef(gone)
    three = pushed(hub, "ann", "begun", ref="side", onto=one)
    assert history(hub, "ann", "begun", "side") == [three, one]
    found = hub.stub("ann").GetVersion(pb.GetVersionRequest(owner="ann", name="begun", ref=two)).version
    assert found.state == pb.VERSION_STATE_PUBLISHED


def test_a_refused_version_leaves_its_branch_where_it_was(hub: Hub) -> None:
    one = pushed(hub, "ann", "fallen")
    two = pushed(hub, "ann", "fallen", publish=False)
    hub.publish("scans", hub.scanned(two, "malicious"), "scanner")
    hub.until(hub.stub("ann"), "ann", "fallen", two, pb.VERSION_STATE_QUARANTINED)
    stands = ref(hub, "ann", "fallen")
    assert (stands.version, stands.tip) == (one, one)
    three = pushed(hub, "ann", "fallen", onto=one)
    tag = refs_pb2.SetRefRequest(owner="ann", name="fallen", ref="v3", version=three, kind=refs_pb2.REF_KIND_TAG)
    refs_of(hub, "ann").SetRef(tag)
    hub.publish("scans", hub.scanned(three, "malicious"), "scanner")  # by later rules
    hub.until(hub.stub("ann"), "ann", "fallen", three, pb.VERSION_STATE_QUARANTINED)
    assert ref(hub, "ann", "fallen").version == one
    missing = refs_pb2.GetRefRequest(owner="ann", name="fallen", ref="v3")
    assert refusal(refs_of(hub, "ann").GetRef, missing).http_status == 404


def test_a_branch_whose_later_push_was_published_sooner_does_not_go_back(hub: Hub) -> None:
    pushed(hub, "ann", "overtaken")
    two = pushed(hub, "ann", "overtaken", publish=False)
    three = pushed(hub, "ann", "overtaken")
    hub.walk(two)
    hub.until(hub.stub("ann"), "ann", "overtaken", two, pb.VERSION_STATE_PUBLISHED)
    assert ref(hub, "ann", "overtaken").version == three


def test_foreign_cursors_and_versions_are_refused(hub: Hub) -> None:
    mine, other = pushed(hub, "ann", "cursor-a"), pushed(hub, "ann", "cursor-b")
    request = refs_pb2.ListHistoryRequest(owner="ann", name="cursor-a", ref=other)
    missing = refusal(refs_of(hub, "ann").ListHistory, request)
    assert (missing.http_status, "voicehub refs ann/cursor-a" in missing.hint) == (404, True)
    request.ref = mine
    request.page.cursor = paging.encode("history", other)  # a well-formed cursor of another repository
    assert refusal(refs_of(hub, "ann").ListHistory, request).reason == "BAD_CURSOR"
