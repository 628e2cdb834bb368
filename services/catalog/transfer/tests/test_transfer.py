"""Deltas of published versions: made, listed to who has and may read the parent, and applied to the very bytes."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import grpc
import numpy as np
import pytest

from gptsovits.formats.delta import decode
from services.catalog.tests.conftest import Hub
from services.common.errors import VoiceHubError, from_rpc
from services.common.identity import Identity, Signer
from services.common.objects import Area
from services.common.rpc import make_channel
from services.stubs.voicehub.catalog.v1 import catalog_pb2 as pb
from services.stubs.voicehub.catalog.v1 import transfer_pb2 as transfer
from services.stubs.voicehub.catalog.v1.transfer_pb2_grpc import TransferServiceStub
from services.stubs.voicehub.common.v1.common_pb2 import Tensor

PATIENCE = 60.0


def _weights(*steps: float) -> dict[str, bytes]:
    """A tensor that each step moved, one that stays, one of whole numbers."""
    draw = np.random.default_rng(5)
    moved = draw.standard_normal(5000) * 0.05
    for step in steps:
        moved = moved + step * draw.standard_normal(5000)
    return {
        "s2/dec.a": moved.astype(np.float16).tobytes(),
        "s2/dec.b": bytes(200),
        "s2/steps": np.array([len(steps)], np.int64).tobytes(),
    }


def _publish(hub: Hub, owner: str, name: str, weights: Mapping[str, bytes], private: bool = False) -> str:
    stub = hub.stub(owner)
    visibility = pb.VISIBILITY_PRIVATE if private else pb.VISIBILITY_PUBLIC
    made = stub.CreateVersion(hub.push_request(owner, name, visibility_if_new=visibility)).version
    scan = hub.scanned(made.id)
    del scan.tensors[:]
    for key, data in weights.items():
        kept, dtype = hub.serve(data), "int64" if key == "s2/steps" else "float16"
        shape = [len(data) // (8 if dtype == "int64" else 2)]
        scan.tensors.append(Tensor(name=key, dtype=dtype, shape=shape, digest=kept.digest, size=kept.size))
    hub.publish("scans", scan, "scanner")
    hub.publish("exports", hub.exported(made.id), "inference")
    hub.publish("scans", hub.behaved(made.id), "scanner")
    hub.until(stub, owner, name, made.id, pb.VERSION_STATE_PUBLISHED)
    return str(made.id)


def _stub(hub: Hub, account: str = "") -> TransferServiceStub:
    signer = Signer(hub.data / "keys", "gateway")
    channel = make_channel(hub.address, lambda: signer.sign(Identity(account)))
    hub.channels.append(channel)
    return TransferServiceStub(channel)


def _list(stub: TransferServiceStub, place: str, version: str, have: str) -> Sequence[transfer.TensorDelta]:
    owner, name = place.split("/")
    request = transfer.ListDeltasRequest(owner=owner, name=name, version=version, have=have)
    return stub.ListDeltas(request).deltas


def _eventually(stub: TransferServiceStub, place: str, version: str, have: str) -> Sequence[transfer.TensorDelta]:
    deadline = time.monotonic() + PATIENCE
    while not (found := _list(stub, place, version, have)):
        assert time.monotonic() < deadline, "no deltas were made"
        time.sleep(0.05)
    return found


def _resolve(stub: TransferServiceStub, place: str, version: str, have: str, digest: str) -> str:
    owner, name = place.split("/")
    request = transfer.ResolveDeltaRequest(owner=owner, name=name, version=version, have=have, digest=digest)
    return stub.ResolveDelta(request).object.digest


def _failure(error: grpc.RpcError) -> VoiceHubError:
    return from_rpc(error)


def _applied(hub: Hub, delta: transfer.TensorDelta, data: bytes) -> bytes:
    for step in delta.steps:
        with hub.objects.open(Area.SERVED, step.object.digest) as file:
            data = bytes(decode(file.read(), data))
    return data


def test_a_changed_tensor_comes_as_a_delta_and_several_as_a_chain(hub: Hub) -> None:
    history = [_weights(), _weights(1e-4), _weights(1e-4, 1e-4)]
    ids = [_publish(hub, "dora", "tuned", weights) for weights in history]
    stub = _stub(hub)
    (delta,) = _eventually(stub, "dora/tuned", ids[1], ids[0])
    assert len(delta.steps) == 1
    assert delta.steps[0].object.size < 0.8 * len(history[1]["s2/dec.a"])
    assert _applied(hub, delta, history[0]["s2/dec.a"]) == history[1]["s2/dec.a"]
    (far,) = _eventually(stub, "dora/tuned", ids[2], ids[0])
    assert len(far.steps) == 2
    assert _applied(hub, far, history[0]["s2/dec.a"]) == history[2]["s2/dec.a"]
    assert _resolve(stub, "dora/tuned", ids[1], ids[0], delta.steps[0].object.digest) == delta.steps[0].object.digest


def test_nothing_is_offered_from_what_one_may_not_read(hub: Hub) -> None:
    """A private parent is like one that never was; so is one that is no ancestor."""
    ids = [_publish(hub, "erin", "secret", weights, private=True) for weights in (_weights(), _weights(1e-4))]
    mine, others = _stub(hub, "erin"), _stub(hub, "frank")
    (delta,) = _eventually(mine, "erin/secret", ids[1], ids[0])
    with pytest.raises(grpc.RpcError) as refused:
        _list(others, "erin/secret", ids[1], ids[0])
    assert _failure(refused.value).http_status == 404
    assert not _list(mine, "erin/secret", ids[1], "0" * 32)
    assert not _list(mine, "erin/secret", ids[0], ids[1])
    with pytest.raises(grpc.RpcError) as absent:
        _resolve(mine, "erin/secret", ids[1], "0" * 32, delta.steps[0].object.digest)
    assert _failure(absent.value).http_status == 404
