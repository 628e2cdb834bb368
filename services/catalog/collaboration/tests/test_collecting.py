"""Garbage collection step by step: what is shared stays, what is young waits, a push comes first or is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from blake3 import blake3
from sqlalchemy import event, select

from services.catalog.collaboration.tests.inside import Inside, parts
from services.catalog.collecting import Collected, Collector, free
from services.catalog.store.tables import SampleRow, VersionRow
from services.catalog.tests.conftest import CARD, DECLARATION
from services.catalog.transfer.chains import Step
from services.catalog.transfer.store import keep
from services.catalog.transfer.tables import DeltaRow
from services.common.errors import NotFound, Unprocessable
from services.common.objects import Area
from services.common.structs import to_struct
from services.stubs.voicehub.catalog.v1 import access_pb2, forks_pb2
from services.stubs.voicehub.catalog.v1 import catalog_pb2 as pb
from services.stubs.voicehub.common.v1 import common_pb2


def made(hub: Inside, owner: str, name: str, content: int) -> str:
    version = hub.push(owner, owner, name, content)
    hub.publish(version.id, content)
    return version.id


def delete(hub: Inside, owner: str, name: str) -> None:
    hub.ask(owner, hub.access.DeleteRepository, access_pb2.DeleteRepositoryRequest(owner=owner, name=name))


def served(hub: Inside) -> set[str]:
    return set(hub.objects.digests(Area.SERVED))


def test_only_what_nobody_holds_goes_and_not_while_it_is_young(tmp_path: Path) -> None:
    hub = Inside(tmp_path)
    made(hub, "ann", "kept", 1)
    old = made(hub, "ann", "gone", 2)
    delete(hub, "ann", "gone")
    patient = Collector(hub.database, hub.objects, grace_seconds=3600)
    assert patient.collect() == Collected(versions=1, objects=0, waiting=3)
    own = blake3(parts(2)[1]).hexdigest()
    assert own in served(hub)
    done = Collector(hub.database, hub.objects, grace_seconds=0).collect()
    assert (done.versions, done.objects, done.waiting) == (0, 3, 0)
    assert served(hub) == {blake3(part).hexdigest() for part in parts(1)}
    asked = pb.GetVersionRequest(owner="ann", name="kept", ref=old)
    with pytest.raises(NotFound):
        hub.ask("ann", hub.catalog.GetVersion, asked)
    assert Collector(hub.database, hub.objects, grace_seconds=0).collect() == Collected(0, 0, 0)


def test_a_fork_keeps_what_its_deleted_upstream_had(tmp_path: Path) -> None:
    hub = Inside(tmp_path)
    made(hub, "ann", "voice", 1)
    hub.ask("bob", hub.forks.ForkRepository, forks_pb2.ForkRepositoryRequest(owner="ann", name="voice"))
    delete(hub, "ann", "voice")
    assert Collector(hub.database, hub.objects, grace_seconds=0).collect() == Collected(0, 0, 0)
    delete(hub, "bob", "voice")
    assert Collector(hub.database, hub.objects, grace_seconds=0).collect().versions == 1
    assert served(hub) == set()


def test_a_push_of_what_was_collected_is_told_to_upload_it_again(tmp_path: Path) -> None:
    hub = Inside(tmp_path)
    made(hub, "ann", "gone", 3)
    files = [
        common_pb2.UploadedFile(role="s1", filename="a.ckpt", object=hub.upload(b"one 3")),
        common_pb2.UploadedFile(role="s2", filename="a.pth", object=hub.upload(b"two 3")),
    ]
    delete(hub, "ann", "gone")
    Collector(hub.database, hub.objects, grace_seconds=0).collect()
    push = pb.CreateVersionRequest(owner="bob", name="late", card=to_struct(CARD), declaration=DECLARATION, files=files)
    with pytest.raises(Unprocessable) as told:
        hub.ask("bob", hub.catalog.CreateVersion, push)
    assert told.value.reason == "UPLOAD_MISSING"
    made(hub, "bob", "late", 3)
    assert Collector(hub.database, hub.objects, grace_seconds=0).collect() == Collected(0, 0, 0)


def test_samples_of_a_version_that_nobody_holds_go_and_those_of_others_stay(tmp_path: Path) -> None:
    hub = Inside(tmp_path)
    kept, gone = made(hub, "ann", "kept", 1), made(hub, "ann", "gone", 2)
    weights = blake3(parts(1)[1]).hexdigest()
    own, shared, late = "a" * 64, "b" * 64, "c" * 64
    hub.auditioned(kept, shared)
    hub.auditioned(gone, own, shared, weights)
    Collector(hub.database, hub.objects, grace_seconds=0).collect()
    assert hub.erased() == [], "both are held"
    delete(hub, "ann", "gone")
    for _ in range(2):
        Collector(hub.database, hub.objects, grace_seconds=0).collect()
        assert hub.erased() == [(gone, [own])]
    hub.auditioned(gone, late, shared)  # was spoken while it was let go of
    assert hub.erased() == [(gone, [own]), (gone, [late])]
    with hub.database.read() as session:
        assert session.scalars(select(SampleRow.version_id)).all() == [kept]


def test_samples_that_an_earlier_collection_left_behind_go_too(tmp_path: Path) -> None:
    hub = Inside(tmp_path)
    left, erased = made(hub, "ann", "left", 1), made(hub, "ann", "erased", 2)
    hub.auditioned(left, "a" * 64)
    hub.auditioned(erased, "b" * 64)
    hub.ask("ann", hub.catalog.EraseVersion, pb.EraseVersionRequest(owner="ann", name="erased", version=erased))
    delete(hub, "ann", "left")
    with hub.database.write() as session:
        free(session, session.scalars(select(VersionRow).where(VersionRow.id == left)).one())
    Collector(hub.database, hub.objects, grace_seconds=0).collect()
    assert hub.erased() == [(erased, ["b" * 64]), (left, ["a" * 64])]


def deltas(hub: Inside, version: str, parent: str) -> list[str]:
    """A delta of the version from the parent, as it is kept when the version is published; digests that are listed."""
    made = hub.objects.put(Area.SERVED, [b"delta " + version.encode()])
    tensor = blake3(parts(2)[1]).hexdigest()
    with hub.database.write() as session:
        keep(session, version, parent, [Step(blake3(parts(1)[1]).hexdigest(), tensor, made.digest, made.size)])
    return listed(hub)


def listed(hub: Inside) -> list[str]:
    with hub.database.read() as session:
        return list(session.scalars(select(DeltaRow.digest)))


def test_a_delta_goes_with_the_version_at_which_it_begins(tmp_path: Path) -> None:
    hub = Inside(tmp_path)
    parent = made(hub, "ann", "voice", 1)
    child = made(hub, "ann", "voice", 2)
    assert deltas(hub, child, parent)
    own = set(listed(hub))
    hub.ask("bob", hub.forks.ForkRepository, forks_pb2.ForkRepositoryRequest(owner="ann", name="voice"))
    Collector(hub.database, hub.objects, grace_seconds=0).collect()
    assert set(listed(hub)) == own <= served(hub), "both versions are held"
    with hub.database.write() as session:  # a version that nothing holds while its child is held, as after an erasure
        free(session, session.scalars(select(VersionRow).where(VersionRow.id == parent)).one())
    assert listed(hub) == []
    Collector(hub.database, hub.objects, grace_seconds=0).collect()
    assert not own & served(hub)
    assert blake3(parts(2)[1]).hexdigest() in served(hub)


def test_what_waits_for_its_grace_is_only_read(tmp_path: Path) -> None:
    hub = Inside(tmp_path)
    made(hub, "ann", "gone", 2)
    delete(hub, "ann", "gone")
    patient = Collector(hub.database, hub.objects, grace_seconds=3600)
    assert patient.collect().waiting == 4
    begun: list[str] = []
    event.listen(hub.database.engine, "before_cursor_execute", lambda *told: begun.append(str(told[2])))
    assert patient.collect() == Collected(0, 0, 4)
    writes = [one for one in begun if one.split()[0].upper() in ("DELETE", "INSERT", "UPDATE")]
    assert writes == []
    assert not [one for one in begun if "IMMEDIATE" in one.upper()], "nobody is held up"
    assert Collector(hub.database, hub.objects, grace_seconds=0).collect().objects == 4
