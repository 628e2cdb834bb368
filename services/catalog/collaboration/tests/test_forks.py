"""Forks: no byte is copied, terms are never loosened, what is private stays so, and the lineage shows it."""

from __future__ import annotations

from pathlib import Path

from services.catalog.collaboration.tests.steps import fork, forks_of, pushed, ref, refs_of, refusal
from services.catalog.tests.conftest import Hub
from services.stubs.voicehub.catalog.v1 import access_pb2, access_pb2_grpc, forks_pb2, refs_pb2
from services.stubs.voicehub.catalog.v1 import catalog_pb2 as pb
from services.stubs.voicehub.common.v1 import common_pb2


def declared(license_: str, consent: str = "self") -> common_pb2.Declaration:
    return common_pb2.Declaration(source="mine", license=license_, consent=consent)


def objects(hub: Hub) -> set[Path]:
    return {path for path in (hub.data / "objects").rglob("*") if path.is_file()}


def test_a_fork_is_the_same_version_and_copies_no_object(hub: Hub) -> None:
    one, two = pushed(hub, "ann", "zanzara"), pushed(hub, "ann", "zanzara")
    before = objects(hub)
    made = fork(hub, "bob", "ann", "zanzara")
    assert objects(hub) == before
    assert (made.owner, made.name, made.head, made.role) == ("bob", "zanzara", two, "admin")
    assert (made.upstream_owner, made.upstream_name) == ("ann", "zanzara")
    mine, theirs = (
        hub.stub("bob").GetVersion(pb.GetVersionRequest(owner=owner, name="zanzara")).version
        for owner in ("bob", "ann")
    )
    assert (mine.id, mine.tensors, mine.bundle, mine.owner) == (theirs.id, theirs.tensors, theirs.bundle, "bob")
    digest = mine.tensors[0].digest
    wanted = pb.ResolveDownloadRequest(owner="bob", name="zanzara", version="main", digest=digest)
    assert hub.stub("cyd").ResolveDownload(wanted).object.digest == digest
    old = pb.GetVersionRequest(owner="bob", name="zanzara", ref=one)
    assert hub.stub("bob").GetVersion(old).version.id == one
    twice = forks_pb2.ForkRepositoryRequest(owner="ann", name="zanzara")
    taken = refusal(forks_of(hub, "bob").ForkRepository, twice)
    assert (taken.http_status, "--into OWNER/NAME" in taken.hint) == (409, True)
    upstream = hub.stub("bob").GetRepository(pb.GetRepositoryRequest(owner="ann", name="zanzara")).repository
    assert upstream.forks == 1
    found = hub.stub("cyd").SearchVoices(pb.SearchVoicesRequest(query="zanzara")).hits
    assert len([hit for hit in found if hit.repository.name == "zanzara"]) == 1, "a family is one hit"


def test_sync_goes_forward_only(hub: Hub) -> None:
    one = pushed(hub, "ann", "synced")
    fork(hub, "bob", "ann", "synced")
    sync = forks_pb2.SyncForkRequest(owner="bob", name="synced")
    still = forks_of(hub, "bob").SyncFork(sync)
    assert (still.moved, still.ref.version) == (False, one)
    two = pushed(hub, "ann", "synced")
    moved = forks_of(hub, "bob").SyncFork(sync)
    assert (moved.moved, moved.ref.version) == (True, two)
    pushed(hub, "bob", "synced")
    assert not forks_of(hub, "bob").SyncFork(sync).moved
    pushed(hub, "ann", "synced")
    assert refusal(forks_of(hub, "bob").SyncFork, sync).reason == "DIVERGED"
    assert refusal(forks_of(hub, "ann").SyncFork, sync).reason == "ROLE_MISSING"
    other = forks_pb2.SyncForkRequest(owner="ann", name="synced")
    assert refusal(forks_of(hub, "ann").SyncFork, other).reason == "NO_UPSTREAM"


def test_terms_are_tightened_never_loosened(hub: Hub) -> None:
    pushed(hub, "ann", "bound", declaration=declared("CC-BY-SA-4.0", "written-permission"))
    fork(hub, "bob", "ann", "bound")
    for license_, consent, field in (
        ("CC-BY-4.0", "self", "declaration.license"),
        ("CC-BY-SA-4.0", "licensed", "declaration.consent"),
        ("LicenseRef-bobs", "self", "declaration.license"),
    ):
        request = hub.push_request("bob", "bound", declaration=declared(license_, consent))
        told = refusal(hub.stub("bob").CreateVersion, request)
        request.check_only = True  # before a training for it begins
        assert refusal(hub.stub("bob").CreateVersion, request).reason == told.reason
        assert (told.http_status, told.reason, set(told.fields)) == (422, "TERMS_LOOSENED", {field})
        assert "CC-BY-NC-SA-4.0" in told.hint or "CC-BY-SA-4.0" in told.hint
    tight = pushed(hub, "bob", "bound", declaration=declared("CC-BY-NC-SA-4.0", "written-permission"))
    own = pushed(hub, "bob", "bound", declaration=declared("CC-BY-SA-4.0", "self"))  # his own addition is his
    fork(hub, "cyd", "bob", "bound", ref=tight)
    third = hub.push_request("cyd", "bound", declaration=declared("CC-BY-SA-4.0", "self"))
    assert refusal(hub.stub("cyd").CreateVersion, third).reason == "TERMS_LOOSENED"
    assert own != tight
    pushed(hub, "ann", "bound", declaration=declared("CC0-1.0", "public-domain"))  # the owner's own voice


def test_what_is_forked_from_something_private_stays_private(hub: Hub) -> None:
    pushed(hub, "ann", "intimate", visibility_if_new=pb.VISIBILITY_PRIVATE)
    hidden = forks_pb2.ForkRepositoryRequest(owner="ann", name="intimate")
    absent = refusal(forks_of(hub, "bob").ForkRepository, forks_pb2.ForkRepositoryRequest(owner="ann", name="absent"))
    told = refusal(forks_of(hub, "bob").ForkRepository, hidden)
    assert (told.http_status, told.message.replace("intimate", "absent")) == (404, absent.message)
    access = access_pb2_grpc.AccessServiceStub(hub.channel("ann"))
    grant = access_pb2.Grant(account="bob", role="read")
    access.SetCollaborator(access_pb2.SetCollaboratorRequest(owner="ann", name="intimate", grant=grant))
    made = fork(hub, "bob", "ann", "intimate", visibility=pb.VISIBILITY_PUBLIC)
    assert made.visibility == pb.VISIBILITY_PRIVATE
    widen = pb.UpdateRepositoryRequest(owner="bob", name="intimate", visibility=pb.VISIBILITY_PUBLIC)
    assert refusal(hub.stub("bob").UpdateRepository, widen).reason == "FORK_OF_PRIVATE"
    hub.stub("ann").UpdateRepository(
        pb.UpdateRepositoryRequest(owner="ann", name="intimate", visibility=pb.VISIBILITY_PUBLIC)
    )
    assert hub.stub("bob").UpdateRepository(widen).repository.visibility == pb.VISIBILITY_PUBLIC


def test_the_lineage_shows_forks_and_tombstones_and_nothing_hidden(hub: Hub) -> None:
    one = pushed(hub, "ann", "rooted")
    fork(hub, "bob", "ann", "rooted")
    two = pushed(hub, "bob", "rooted")
    third = fork(hub, "cyd", "bob", "rooted")
    request = forks_pb2.GetLineageRequest(owner="ann", name="rooted")
    shown = forks_of(hub, "").GetLineage(request)
    repositories = {n.id: n.owner for n in shown.nodes if n.kind == forks_pb2.LINEAGE_KIND_REPOSITORY}
    assert sorted(repositories.values()) == ["ann", "bob", "cyd"]
    versions = {n.id: list(n.refs) for n in shown.nodes if n.kind == forks_pb2.LINEAGE_KIND_VERSION}
    assert versions == {two: ["bob/rooted@main", "cyd/rooted@main"], one: ["ann/rooted@main"]}
    parents = [(e.child, e.parent) for e in shown.edges if e.kind == forks_pb2.LINEAGE_EDGE_KIND_PARENT]
    assert parents == [(two, one)]
    before = shown.SerializeToString(deterministic=True)
    secret = fork(hub, "dan", "ann", "rooted", visibility=pb.VISIBILITY_PRIVATE)
    pushed(hub, "dan", "rooted")
    assert forks_of(hub, "").GetLineage(request).SerializeToString(deterministic=True) == before
    assert secret.id in {n.id for n in forks_of(hub, "dan").GetLineage(request).nodes}
    access_pb2_grpc.AccessServiceStub(hub.channel("bob")).DeleteRepository(
        access_pb2.DeleteRepositoryRequest(owner="bob", name="rooted")
    )
    later = forks_of(hub, "").GetLineage(forks_pb2.GetLineageRequest(owner="cyd", name="rooted"))
    (tombstone,) = [n for n in later.nodes if n.kind == forks_pb2.LINEAGE_KIND_TOMBSTONE]
    assert (tombstone.owner, tombstone.name) == ("", "")
    assert (third.id, tombstone.id) in {(e.child, e.parent) for e in later.edges}
    assert two in {n.id for n in later.nodes}, "the fork keeps what it has"
    assert hub.stub("cyd").GetVersion(pb.GetVersionRequest(owner="cyd", name="rooted")).version.id == two


def test_a_version_refused_later_leaves_every_fork(hub: Hub) -> None:
    one, two = pushed(hub, "ann", "poison"), pushed(hub, "ann", "poison")
    fork(hub, "bob", "ann", "poison")
    tag = refs_pb2.SetRefRequest(owner="bob", name="poison", ref="v2", version=two, kind=refs_pb2.REF_KIND_TAG)
    refs_of(hub, "bob").SetRef(tag)
    hub.publish("scans", hub.scanned(two, "malicious"), "scanner")
    hub.until(hub.stub("bob"), "bob", "poison", two, pb.VERSION_STATE_QUARANTINED)
    assert ref(hub, "bob", "poison").version == one
    gone = refs_pb2.GetRefRequest(owner="bob", name="poison", ref="v2")
    assert refusal(refs_of(hub, "bob").GetRef, gone).http_status == 404
