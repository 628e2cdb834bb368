"""What tests of collaboration do again and again."""

from __future__ import annotations

import grpc
import pytest

from services.catalog.tests.conftest import Hub
from services.common.errors import VoiceHubError, from_rpc
from services.stubs.voicehub.catalog.v1 import (
    access_pb2,
    access_pb2_grpc,
    forks_pb2,
    forks_pb2_grpc,
    pulls_pb2_grpc,
    refs_pb2,
    refs_pb2_grpc,
    watching_pb2,
    watching_pb2_grpc,
)
from services.stubs.voicehub.catalog.v1 import catalog_pb2 as pb


def refusal(call: object, request: object) -> VoiceHubError:
    """What a call that must fail is answered."""
    with pytest.raises(grpc.RpcError) as caught:
        call(request)  # type: ignore[operator]
    return from_rpc(caught.value)


def refs_of(hub: Hub, account: str) -> refs_pb2_grpc.RefServiceStub:
    return refs_pb2_grpc.RefServiceStub(hub.channel(account))


def pushed(hub: Hub, owner: str, name: str, *, publish: bool = True, **changes: object) -> str:
    """A version's id, published unless said otherwise; `account` pushes, the owner if not said."""
    stub = hub.stub(str(changes.pop("account", owner)))
    made = stub.CreateVersion(hub.push_request(owner, name, **changes)).version
    if publish:
        hub.walk(made.id)
        hub.until(stub, owner, name, made.id, pb.VERSION_STATE_PUBLISHED)
    return str(made.id)


def ref(hub: Hub, owner: str, name: str, branch: str = "main") -> refs_pb2.Ref:
    return refs_of(hub, owner).GetRef(refs_pb2.GetRefRequest(owner=owner, name=name, ref=branch)).ref


def forks_of(hub: Hub, account: str) -> forks_pb2_grpc.ForkServiceStub:
    return forks_pb2_grpc.ForkServiceStub(hub.channel(account))


def pulls_of(hub: Hub, account: str) -> pulls_pb2_grpc.PullServiceStub:
    return pulls_pb2_grpc.PullServiceStub(hub.channel(account))


def fork(hub: Hub, account: str, owner: str, name: str, **more: object) -> pb.Repository:
    request = forks_pb2.ForkRepositoryRequest(owner=owner, name=name, **more)  # type: ignore[arg-type]
    return forks_of(hub, account).ForkRepository(request).repository


def grant(hub: Hub, owner: str, name: str, account: str, role: str) -> None:
    given = access_pb2.Grant(account=account, role=role)
    request = access_pb2.SetCollaboratorRequest(owner=owner, name=name, grant=given)
    access_pb2_grpc.AccessServiceStub(hub.channel(owner)).SetCollaborator(request)


def watch(hub: Hub, account: str, owner: str, name: str) -> None:
    request = watching_pb2.SetWatchRequest(owner=owner, name=name, watching=True)
    watching_pb2_grpc.WatchServiceStub(hub.channel(account)).SetWatch(request)


def told(hub: Hub, account: str, name: str, *kinds: str) -> list[tuple[str, str, str, str]]:
    """Kind, subject, text and actor of the notices about a repository that are of these kinds, newest first."""
    found = watching_pb2_grpc.WatchServiceStub(hub.channel(account)).ListNotices(watching_pb2.ListNoticesRequest())
    mine = (one for one in found.notices if one.name == name and one.kind in kinds)
    return [(one.kind, one.subject, one.text, one.actor) for one in mine]
