"""Protected voices and what comes too close to them; and search by the sound of a speaker."""

from __future__ import annotations

import random
from collections.abc import Sequence

import grpc
import pytest

from services.catalog.domain.speaker import cosine, scaled
from services.catalog.tests.conftest import Hub
from services.common.errors import from_rpc
from services.common.structs import to_struct
from services.stubs.voicehub.catalog.v1 import catalog_pb2 as pb
from services.stubs.voicehub.catalog.v1 import events_pb2


def speaker(seed: int, near: Sequence[float] = (), share: float = 0.0) -> list[float]:
    """An embedding of length 1; with `near`, one at about that cosine to it."""
    chance = random.Random(seed)
    drawn = [chance.gauss(0, 1) for _ in range(256)]
    if not near:
        return list(scaled(drawn))
    away = scaled([d - cosine(drawn, near) * n for d, n in zip(drawn, near, strict=True)])
    return [share * n + (1 - share**2) ** 0.5 * a for n, a in zip(near, away, strict=True)]


def publish(hub: Hub, owner: str, name: str, embedding: Sequence[float], private: bool = False) -> str:
    stub = hub.stub(owner)
    request = hub.push_request(
        owner,
        name,
        figures=to_struct({"speaker_embedding": list(embedding)}),
        visibility_if_new=pb.VISIBILITY_PRIVATE if private else pb.VISIBILITY_PUBLIC,
    )
    made = stub.CreateVersion(request).version
    hub.walk(made.id)
    hub.until(stub, owner, name, made.id, pb.VERSION_STATE_PUBLISHED)
    return made.id


def noted(hub: Hub, account: str, owner: str, name: str) -> list[tuple[str, str, str, str]]:
    answer = hub.stub(account).ListLikenesses(pb.ListLikenessesRequest(owner=owner, name=name))
    return [(one.owner, one.name, one.protected_owner, one.protected_name) for one in answer.likenesses]


def alarms(hub: Hub) -> list[events_pb2.VoiceTooClose]:
    consumer = hub.bus.consumer("test-alarms", ["community"])
    found = []
    while batch := consumer.poll(limit=500, timeout=1.0):
        found += [d.event for d in batch if d.event.type == events_pb2.VoiceTooClose.DESCRIPTOR.full_name]
        for delivery in batch:
            consumer.commit(delivery)
    consumer.close()
    return [event.parse(events_pb2.VoiceTooClose) for event in found]


def test_what_comes_too_close_to_a_protected_voice_is_told_to_both_sides(hub: Hub) -> None:
    star = speaker(1)
    publish(hub, "vera", "original", star)
    publish(hub, "earl", "before", speaker(2, star, 0.99))  # nothing was protected yet
    request = pb.SetProtectionRequest(owner="vera", name="original", protected=True)
    assert hub.stub("vera").SetProtection(request).repository.protected
    close = publish(hub, "carl", "copycat", speaker(3, star, 0.9))
    publish(hub, "dora", "another", speaker(4, star, 0.8))
    publish(hub, "vera", "second", speaker(5, star, 0.99))  # her own
    hub.publish("scans", hub.behaved(close), "scanner")  # a repetition notes nothing twice
    pair = ("carl", "copycat", "vera", "original")
    assert noted(hub, "vera", "vera", "original") == noted(hub, "carl", "carl", "copycat") == [pair]
    assert noted(hub, "dora", "dora", "another") == noted(hub, "vera", "vera", "second") == []
    (alarm,) = alarms(hub)
    assert alarm.version_id == close
    assert alarm.similarity == pytest.approx(0.9, abs=1e-3)
    for account in ("carl", "dora"):
        with pytest.raises(grpc.RpcError) as refused:
            hub.stub(account).SetProtection(request)
        assert from_rpc(refused.value).reason == "ROLE_MISSING"
        with pytest.raises(grpc.RpcError):
            noted(hub, account, "vera", "original")


def test_a_private_voice_is_looked_at_when_it_becomes_public(hub: Hub) -> None:
    star = speaker(11)
    publish(hub, "wanda", "guarded", star)
    hub.stub("wanda").SetProtection(pb.SetProtectionRequest(owner="wanda", name="guarded", protected=True))
    publish(hub, "hugo", "hidden", speaker(12, star, 0.95), private=True)
    assert noted(hub, "wanda", "wanda", "guarded") == noted(hub, "hugo", "hugo", "hidden") == []
    show = pb.UpdateRepositoryRequest(owner="hugo", name="hidden", visibility=pb.VISIBILITY_PUBLIC)
    hub.stub("hugo").UpdateRepository(show)
    assert noted(hub, "wanda", "wanda", "guarded") == [("hugo", "hidden", "wanda", "guarded")]
    hide = pb.UpdateRepositoryRequest(owner="wanda", name="guarded", visibility=pb.VISIBILITY_PRIVATE)
    hub.stub("wanda").UpdateRepository(hide)
    assert noted(hub, "hugo", "hugo", "hidden") == [("hugo", "hidden", "", "")]


def test_voices_are_found_by_the_sound_of_a_speaker(hub: Hub) -> None:
    wanted = speaker(21)
    shares = {"twin": 0.95, "cousin": 0.6, "secret-twin": 0.99}
    for number, (name, share) in enumerate(shares.items()):
        publish(hub, "sonia", name, speaker(30 + number, wanted, share), private=name.startswith("secret"))
    request = pb.SearchBySoundRequest(embedding=[3 * value for value in wanted], query="owner:sonia", size=5)
    hits = hub.stub("bob").SearchBySound(request).hits
    assert [hit.repository.name for hit in hits] == ["twin", "cousin"]
    assert [hit.score for hit in hits] == pytest.approx([0.95, 0.6], abs=1e-3)
    assert hub.stub("sonia").SearchBySound(request).hits[0].repository.name == "secret-twin"
    request.query = "owner:sonia gender:female"
    assert list(hub.stub("bob").SearchBySound(request).hits) == []
    for wrong in ([], [0.0, 0.0], [float("nan")]):
        with pytest.raises(grpc.RpcError) as refused:
            hub.stub("bob").SearchBySound(pb.SearchBySoundRequest(embedding=wrong))
        assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
