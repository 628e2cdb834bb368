"""A version in brief, which every synthesis asks for: one statement that must say what the long way says."""

from __future__ import annotations

from itertools import product

import grpc

from services.catalog.tests.conftest import Hub
from services.common.errors import from_rpc
from services.stubs.voicehub.catalog.v1 import access_pb2, access_pb2_grpc
from services.stubs.voicehub.catalog.v1 import catalog_pb2 as pb

CALLERS = ("", "ann", "bob", "member", "stranger")


def answer(hub: Hub, caller: str, request: pb.GetVersionRequest) -> pb.Version | str:
    """What somebody is told in brief: the version, or the reason why not."""
    try:
        return hub.stub(caller).GetVersion(request).version
    except grpc.RpcError as error:
        return from_rpc(error).reason


def alike(hub: Hub, owner: str, name: str, refs: tuple[str, ...]) -> dict[tuple[str, str], str]:
    """Id or reason by caller and ref, the same both ways; a service hears what there is, too."""
    told = {}
    for caller, ref in product(CALLERS, refs):
        short, long = (
            answer(hub, caller, pb.GetVersionRequest(owner=owner, name=name, ref=ref, brief=brief))
            for brief in (True, False)
        )
        if isinstance(long, pb.Version):
            kept = ("id", "owner", "name", "state", "not_auditionable")
            long = pb.Version(**{field: getattr(long, field) for field in kept})
        assert short == long, (caller, ref)
        told[caller, ref] = short if isinstance(short, str) else short.id
    return told


def test_who_may_hear_what(hub: Hub) -> None:
    ann = hub.stub("ann")
    access = access_pb2_grpc.AccessServiceStub(hub.channel("ann"))
    groups = access_pb2_grpc.OrganisationServiceStub(hub.channel("ann"))
    groups.CreateOrganisation(access_pb2.CreateOrganisationRequest(name="curtly"))
    reader = access_pb2.Grant(account="member", role="read")
    groups.SetMember(access_pb2.SetMemberRequest(organisation="curtly", grant=reader))
    ids = {}
    for owner in ("ann", "curtly"):
        ids[owner] = made = ann.CreateVersion(hub.push_request(owner, "curt")).version.id
        assert set(alike(hub, owner, "curt", (made,)).values()) == {made}
        hub.walk(made)
        hub.until(ann, owner, "curt", made, pb.VERSION_STATE_PUBLISHED)
        told = alike(hub, owner, "curt", ("", "main", made, "absent", "0" * 32))
        assert {told[caller, ref] for caller in CALLERS for ref in ("", "main", made)} == {made}
        assert {told[caller, ref] for caller in CALLERS for ref in ("absent", "0" * 32)} == {"VERSION_NOT_FOUND"}
        hidden = pb.UpdateRepositoryRequest(owner=owner, name="curt", visibility=pb.VISIBILITY_PRIVATE)
        ann.UpdateRepository(hidden)
    none = "REPOSITORY_NOT_FOUND"
    told = alike(hub, "ann", "curt", ("",))
    assert told == {(c, ""): ids["ann"] if c == "ann" else none for c in CALLERS}
    grant = access_pb2.Grant(account="bob", role="read")
    access.SetCollaborator(access_pb2.SetCollaboratorRequest(owner="ann", name="curt", grant=grant))
    told = alike(hub, "ann", "curt", ("",))
    assert told == {(c, ""): ids["ann"] if c in ("ann", "bob") else none for c in CALLERS}
    told = alike(hub, "curtly", "curt", ("",))
    assert told == {(c, ""): ids["curtly"] if c in ("ann", "member") else none for c in CALLERS}
    brief = pb.GetVersionRequest(owner="ann", name="curt", brief=True)
    assert hub.service_stub("scanner").GetVersion(brief).version.id == ids["ann"]
    renamed = access_pb2.RenameRepositoryRequest(owner="ann", name="curt", new_name="terse")
    access.RenameRepository(renamed)
    for name in ("curt", "terse"):
        assert alike(hub, "ann", name, ("main",))["ann", "main"] == ids["ann"]
    access.DeleteRepository(access_pb2.DeleteRepositoryRequest(owner="ann", name="terse"))
    assert set(alike(hub, "ann", "terse", ("", ids["ann"])).values()) == {none}
