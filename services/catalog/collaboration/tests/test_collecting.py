"""Garbage collection step by step: what is shared stays, what is young waits, a push comes first or is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from blake3 import blake3

from services.catalog.collaboration.tests.inside import Inside, parts
from services.catalog.collecting import Collected, Collector
from services.catalog.messages import to_struct
from services.catalog.tests.conftest import CARD, DECLARATION
from services.common.errors import NotFound, Unprocessable
from services.common.objects import Area
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
