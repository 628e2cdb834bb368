"""The catalog over gRPC: who may what, the road of a version, people, pages, search, and kill -9."""

from __future__ import annotations

import grpc
import pytest
from google.protobuf.struct_pb2 import Struct

from services.catalog.tests.conftest import CARD, Hub
from services.common.errors import VoiceHubError, from_rpc
from services.common.events import Event
from services.common.structs import from_struct, to_struct
from services.stubs.voicehub.catalog.v1 import catalog_pb2 as pb
from services.stubs.voicehub.catalog.v1 import events_pb2
from services.stubs.voicehub.common.v1 import common_pb2
from services.stubs.voicehub.inference.v1 import inference_pb2
from services.stubs.voicehub.scanner.v1 import scanner_pb2


def refusal(call: object, request: object) -> VoiceHubError:
    with pytest.raises(grpc.RpcError) as caught:
        call(request)  # type: ignore[operator]
    return from_rpc(caught.value)


def struct_of_nan() -> Struct:
    struct = Struct()
    struct.update({"wer": float("nan")})
    return struct


def events_of(hub: Hub, version: str) -> list[str]:
    """Types of all events on `versions` with this key, in order."""
    consumer = hub.bus.consumer(f"test-{version}", ["versions"])
    found: list[Event] = []
    while batch := consumer.poll(limit=500, timeout=0.3):
        found += [delivery.event for delivery in batch if delivery.event.key == version]
        for delivery in batch:
            consumer.commit(delivery)
    consumer.close()
    return [event.type.rsplit(".", 1)[-1] for event in found]


def names_found(hub: Hub, account: str, query: str) -> list[str]:
    answer = hub.stub(account).SearchVoices(pb.SearchVoicesRequest(query=query))
    exact = [hit for hit in answer.hits if not hit.near]
    assert answer.total == len(exact)
    return [f"{hit.repository.owner}/{hit.repository.name}" for hit in exact]


def test_the_road_from_push_to_found(hub: Hub) -> None:
    ann, bob = hub.stub("ann"), hub.stub("bob")
    made = ann.CreateVersion(hub.push_request("ann", "story")).version
    assert (made.state, made.author) == (pb.VERSION_STATE_PUSHED, "ann")
    assert from_struct(made.card)["license"] == "CC-BY-4.0"
    assert "ann/story" not in names_found(hub, "bob", "story")
    hub.walk(made.id)
    done = hub.until(bob, "ann", "story", made.id, pb.VERSION_STATE_PUBLISHED)
    assert [t.name for t in done.tensors] == ["s1/a"]
    assert [f.path for f in done.files] == ["prompts/a.flac"]
    assert [f.path for f in done.bundle] == ["s2.onnx"]
    assert bob.GetVersion(pb.GetVersionRequest(owner="ann", name="story", ref="main")).version.id == made.id
    assert names_found(hub, "bob", "story")[0] == names_found(hub, "", "英语 男性 叙事 story")[0] == "ann/story"
    assert names_found(hub, "bob", "英语 男性 叙事") == names_found(hub, "bob", "English male narrator")
    assert events_of(hub, made.id) == ["VersionPushed", "VersionPublished"]


def test_auditions_appear_in_version_and_hit(hub: Hub) -> None:
    ann = hub.stub("ann")
    made = ann.CreateVersion(hub.push_request("ann", "audible")).version
    hub.walk(made.id)
    hub.until(ann, "ann", "audible", made.id, pb.VERSION_STATE_PUBLISHED)
    wav = hub.serve(b"RIFF")
    audition = inference_pb2.Audition(text="Hello.", language="en", object=wav, seconds=1.5)
    hub.publish("synthesis", inference_pb2.AuditionsCompleted(version_id=made.id, auditions=[audition]), "inference")
    hub.publish("exports", hub.exported(made.id), "inference")  # a repetition changes nothing
    request = pb.GetVersionRequest(owner="ann", name="audible")
    hub.eventually(lambda: ann.GetVersion(request).version, lambda found: bool(found.samples))
    hit = ann.SearchVoices(pb.SearchVoicesRequest(query="audible")).hits[0]
    assert (hit.sample.text, hit.sample.object.digest) == ("Hello.", wav.digest)


def test_facts_in_any_order_end_in_the_same_state(hub: Hub) -> None:
    ann = hub.stub("ann")
    made = ann.CreateVersion(hub.push_request("ann", "jumbled")).version
    hub.publish("scans", hub.behaved(made.id), "scanner")
    hub.publish("exports", hub.exported(made.id), "inference")
    hub.publish("scans", hub.scanned(made.id), "scanner")
    hub.publish("scans", hub.scanned(made.id), "scanner")
    hub.until(ann, "ann", "jumbled", made.id, pb.VERSION_STATE_PUBLISHED)
    assert events_of(hub, made.id) == ["VersionPushed", "VersionPublished"]


@pytest.mark.parametrize("export_first", [True, False])
def test_a_voice_whose_encoder_comes_later_is_heard_after_its_test_and_said_again(hub: Hub, export_first: bool) -> None:
    ann, name = hub.stub("ann"), f"patient-{export_first}".lower()
    made = ann.CreateVersion(hub.push_request("ann", name)).version
    why = "the content encoder is not registered"
    hub.publish("scans", hub.scanned(made.id), "scanner")
    declined = inference_pb2.ExportCompleted(version_id=made.id, family="v2", not_auditionable=why)
    hub.publish("exports", declined, "inference")
    not_run = scanner_pb2.BehaviourTestCompleted(version_id=made.id, outcome="not-run", not_auditionable=why)
    hub.publish("scans", not_run, "scanner")
    silent = hub.until(ann, "ann", name, made.id, pb.VERSION_STATE_PUBLISHED)
    assert silent.not_auditionable == why
    request = pb.GetVersionRequest(owner="ann", name=name)
    facts = [("exports", hub.exported(made.id), "inference"), ("scans", hub.behaved(made.id), "scanner")]
    first, second = facts if export_first else facts[::-1]
    hub.publish(*first)
    if export_first:
        between = hub.eventually(lambda: ann.GetVersion(request).version, lambda found: bool(found.bundle))
        assert between.not_auditionable == why  # not before the behaviour test of this export
    hub.publish(*second)
    heard = hub.eventually(lambda: ann.GetVersion(request).version, lambda found: not found.not_auditionable)
    assert (heard.state, [f.path for f in heard.bundle]) == (pb.VERSION_STATE_PUBLISHED, ["s2.onnx"])
    hub.eventually(
        lambda: heard, lambda _: events_of(hub, made.id) == ["VersionPushed", "VersionPublished", "VersionPublished"]
    )


@pytest.mark.parametrize("stage", ["static", "behaviour"])
def test_a_refused_version_is_quarantined_and_serves_nothing(hub: Hub, stage: str) -> None:
    ann, name = hub.stub("ann"), f"hostile-{stage}"
    made = ann.CreateVersion(hub.push_request("ann", name)).version
    scan = hub.scanned(made.id, "malicious" if stage == "static" else "clean")
    hub.publish("scans", scan, "scanner")
    hub.publish("scans", hub.behaved(made.id, "passed" if stage == "static" else "failed"), "scanner")
    hub.publish("exports", hub.exported(made.id), "inference")
    found = hub.until(ann, "ann", name, made.id, pb.VERSION_STATE_QUARANTINED)
    assert (found.findings[0].rule, found.findings[0].place) == ("pickle-call", "data.pkl@12")
    assert not found.tensors
    assert not found.bundle
    request = pb.ResolveDownloadRequest(owner="ann", name=name, version=made.id, digest=scan.tensors[0].digest)
    assert "quarantine" in refusal(ann.ResolveDownload, request).hint
    assert refusal(ann.GetVersion, pb.GetVersionRequest(owner="ann", name=name, ref="main")).http_status == 404
    assert names_found(hub, "ann", name) == []
    assert events_of(hub, made.id) == ["VersionPushed", "VersionQuarantined"]


def test_downloads_only_what_the_version_lists_and_counts_a_pull_once(hub: Hub) -> None:
    ann, bob = hub.stub("ann"), hub.stub("bob")
    pushed = hub.push_request("ann", "served")
    made = ann.CreateVersion(pushed).version
    request = pb.ResolveDownloadRequest(
        owner="ann", name="served", version=made.id, digest=pushed.files[0].object.digest
    )
    assert refusal(bob.ResolveDownload, request).http_status == 404
    scan = hub.scanned(made.id)
    hub.publish("scans", scan, "scanner")
    hub.until(ann, "ann", "served", made.id, pb.VERSION_STATE_SCANNED)
    assert refusal(bob.ResolveDownload, request).http_status == 404, "an upload is never served"
    for digest in (scan.tensors[0].digest, scan.files[0].object.digest):
        request.digest = digest
        assert bob.ResolveDownload(request).object.digest == digest
    assert bob.ResolveDownload(request).media_type == "audio/flac"
    assert bob.GetRepository(pb.GetRepositoryRequest(owner="ann", name="served")).repository.downloads == 1


def test_a_private_voice_does_not_exist_for_others(hub: Hub) -> None:
    ann, bob = hub.stub("ann"), hub.stub("bob")
    request = hub.push_request("ann", "xandro", visibility_if_new=pb.VISIBILITY_PRIVATE)
    before = bob.SearchVoices(pb.SearchVoicesRequest(query="english male")).SerializeToString(deterministic=True)
    made = ann.CreateVersion(request).version
    scan = hub.scanned(made.id)
    hub.walk(made.id)
    hub.until(ann, "ann", "xandro", made.id, pb.VERSION_STATE_PUBLISHED)
    assert names_found(hub, "ann", "xandro") == ["ann/xandro"]
    assert names_found(hub, "bob", "xandro") == names_found(hub, "", "xandro") == []
    after = bob.SearchVoices(pb.SearchVoicesRequest(query="english male")).SerializeToString(deterministic=True)
    assert before == after
    listed = bob.ListRepositories(pb.ListRepositoriesRequest(owner="ann")).repositories
    assert "xandro" not in [r.name for r in listed]
    for call, kind, extra in (
        (bob.GetRepository, pb.GetRepositoryRequest, {}),
        (bob.UpdateRepository, pb.UpdateRepositoryRequest, {"visibility": pb.VISIBILITY_PUBLIC}),
        (bob.GetVersion, pb.GetVersionRequest, {"ref": made.id}),
        (bob.ListVersions, pb.ListVersionsRequest, {}),
        (bob.ResolveDownload, pb.ResolveDownloadRequest, {"version": made.id, "digest": scan.tensors[0].digest}),
        (bob.SetStar, pb.SetStarRequest, {"starred": True}),
        (bob.CreateComment, pb.CreateCommentRequest, {"text": "hi"}),
        (bob.ListComments, pb.ListCommentsRequest, {}),
        (bob.ReportRepository, pb.ReportRepositoryRequest, {"reason": "?"}),
    ):
        hidden = refusal(call, kind(owner="ann", name="xandro", **extra))
        absent = refusal(call, kind(owner="ann", name="nothing", **extra))
        assert (hidden.http_status, hidden.message.replace("xandro", "nothing"), hidden.hint, hidden.reason) == (
            404,
            absent.message,
            absent.hint,
            absent.reason,
        )
    hidden = refusal(bob.CreateVersion, hub.push_request("ann", "xandro"))
    absent = refusal(bob.CreateVersion, hub.push_request("ann", "nothing"))
    assert (hidden.http_status, hidden.message, hidden.hint) == (403, absent.message, absent.hint)
    assert (
        hub.service_stub("inference").GetVersion(pb.GetVersionRequest(owner="ann", name="xandro")).version.id == made.id
    )


def test_going_private_takes_a_voice_out_of_search_at_once(hub: Hub) -> None:
    ann = hub.stub("ann")
    made = ann.CreateVersion(hub.push_request("ann", "vintorpeq")).version
    hub.walk(made.id)
    hub.until(ann, "ann", "vintorpeq", made.id, pb.VERSION_STATE_PUBLISHED)
    assert names_found(hub, "bob", "vintorpeq") == ["ann/vintorpeq"]
    change = pb.UpdateRepositoryRequest(owner="ann", name="vintorpeq", visibility=pb.VISIBILITY_PRIVATE)
    ann.UpdateRepository(change)
    assert names_found(hub, "bob", "vintorpeq") == []
    assert names_found(hub, "ann", "vintorpeq") == ["ann/vintorpeq"]


def test_only_the_owner_writes_and_only_with_an_identity(hub: Hub) -> None:
    ann, bob = hub.stub("ann"), hub.stub("bob")
    ann.CreateRepository(pb.CreateRepositoryRequest(owner="ann", name="mine"))
    assert refusal(bob.CreateVersion, hub.push_request("ann", "mine")).http_status == 403
    change = pb.UpdateRepositoryRequest(owner="ann", name="mine", visibility=pb.VISIBILITY_PRIVATE)
    assert refusal(bob.UpdateRepository, change).http_status == 403
    assert refusal(hub.stub("").CreateVersion, hub.push_request("ann", "mine")).http_status == 401
    assert refusal(hub.stub("ann", service="scanner").GetRepository, pb.GetRepositoryRequest()).http_status == 401
    assert refusal(hub.service_stub("trainer").CreateVersion, hub.push_request("ann", "mine")).http_status == 401
    again = pb.CreateRepositoryRequest(owner="ann", name="mine")
    assert refusal(ann.CreateRepository, again).http_status == 409
    assert hub.stub("ann", service="trainer").CreateVersion(hub.push_request("ann", "mine")).version.author == "ann"


def test_a_push_without_declaration_card_or_upload_is_refused_and_leaves_nothing(hub: Hub) -> None:
    ann = hub.stub("ann")
    bare = refusal(ann.CreateVersion, hub.push_request("ann", "refused", declaration=None))
    assert (bare.http_status, set(bare.fields)) == (
        422,
        {"declaration.source", "declaration.license", "declaration.consent"},
    )
    card = to_struct({**CARD, "gender": "loud", "langauges": ["en"]})
    wrong = refusal(ann.CreateVersion, hub.push_request("ann", "refused", card=card))
    assert wrong.fields["card.gender"] == "must be one of: male, female, neutral"
    assert "languages" in wrong.fields["card"]
    notes = to_struct({**CARD, "x-notes": [1] * 100_000})
    long = refusal(ann.CreateVersion, hub.push_request("ann", "refused", card=notes))
    assert (long.http_status, long.reason) == (422, "EVENT_TOO_LARGE")
    endless = refusal(ann.CreateVersion, hub.push_request("ann", "refused", figures=struct_of_nan()))
    assert endless.http_status == 400
    gone = hub.push_request("ann", "refused")
    gone.files[1].object.digest = "0" * 64
    assert set(refusal(ann.CreateVersion, gone).fields) == {"files[1].object"}
    assert refusal(ann.GetRepository, pb.GetRepositoryRequest(owner="ann", name="refused")).http_status == 404


def test_the_same_key_makes_one_version_and_another_body_is_refused(hub: Hub) -> None:
    ann = hub.stub("ann")
    request = hub.push_request("ann", "once", idempotency_key="k1")
    first, second = (ann.CreateVersion(request).version.id for _ in range(2))
    assert first == second
    assert events_of(hub, first) == ["VersionPushed"]
    request.message = "another"
    assert refusal(ann.CreateVersion, request).http_status == 422
    bob = hub.stub("bob")
    note = pb.CreateCommentRequest(owner="ann", name="once", text=" nice ", idempotency_key="k1")
    assert bob.CreateComment(note).comment == bob.CreateComment(note).comment
    assert bob.GetRepository(pb.GetRepositoryRequest(owner="ann", name="once")).repository.comments == 1


def test_stars_are_counted_once_per_account(hub: Hub) -> None:
    hub.stub("ann").CreateRepository(pb.CreateRepositoryRequest(owner="ann", name="starry"))
    star = pb.SetStarRequest(owner="ann", name="starry", starred=True)
    for account in ("bob", "bob", "cyd"):
        shown = hub.stub(account).SetStar(star).repository
    assert (shown.stars, shown.starred_by_caller) == (2, True)
    star.starred = False
    assert hub.stub("bob").SetStar(star).repository.stars == 1
    assert (
        not hub.stub("").GetRepository(pb.GetRepositoryRequest(owner="ann", name="starry")).repository.starred_by_caller
    )


def test_pages_neither_lose_nor_repeat_while_others_write(hub: Hub) -> None:
    dan = hub.stub("dan")
    for number in range(5):
        dan.CreateRepository(pb.CreateRepositoryRequest(owner="dan", name=f"r{number}"))
    seen, cursor = [], ""
    while True:
        page = common_pb2.PageRequest(size=2, cursor=cursor)
        answer = dan.ListRepositories(pb.ListRepositoriesRequest(owner="dan", page=page))
        seen += [r.name for r in answer.repositories]
        dan.CreateRepository(pb.CreateRepositoryRequest(owner="dan", name=f"new{len(seen)}"))
        cursor = answer.next_cursor
        if not cursor:
            break
    assert seen == ["r4", "r3", "r2", "r1", "r0"]
    bad = pb.ListRepositoriesRequest(page=common_pb2.PageRequest(cursor="bm9wZQ"))
    assert refusal(dan.ListRepositories, bad).http_status == 400


def test_search_pages_neither_lose_nor_repeat_while_stars_change(hub: Hub) -> None:
    eve = hub.stub("eve")
    for number in range(5):
        made = eve.CreateVersion(hub.push_request("eve", f"paged{number}")).version
        hub.walk(made.id)
        hub.until(eve, "eve", f"paged{number}", made.id, pb.VERSION_STATE_PUBLISHED)
    seen: list[str] = []
    cursor = ""
    while not seen or cursor:
        page = common_pb2.PageRequest(size=2, cursor=cursor)
        answer = eve.SearchVoices(pb.SearchVoicesRequest(query="owner:eve", page=page))
        seen += [hit.repository.name for hit in answer.hits]
        for number in range(3):
            hub.stub(f"fan{number}").SetStar(pb.SetStarRequest(owner="eve", name="paged0", starred=True))
        assert answer.total == 5
        cursor = answer.next_cursor
    assert seen == ["paged4", "paged3", "paged2", "paged1", "paged0"]
    first = eve.SearchVoices(pb.SearchVoicesRequest(query="owner:eve")).hits[0]
    assert first.repository.name == "paged0", "a fresh search sees the stars"


def test_kill_9_in_the_middle_of_the_road_loses_and_repeats_nothing(hub: Hub) -> None:
    ann = hub.stub("ann")
    made = [
        ann.CreateVersion(hub.push_request("ann", f"killed{n}", idempotency_key=f"kill{n}")).version for n in range(4)
    ]
    for version in made:
        hub.publish("scans", hub.scanned(version.id), "scanner")
    hub.kill()
    for version in made:
        hub.publish("exports", hub.exported(version.id), "inference")
        hub.publish("scans", hub.behaved(version.id), "scanner")
    hub.start()
    hub.kill()
    hub.start()
    hub.ready()
    for number, version in enumerate(made):
        hub.until(ann, "ann", f"killed{number}", version.id, pb.VERSION_STATE_PUBLISHED)
        again = ann.CreateVersion(hub.push_request("ann", f"killed{number}", idempotency_key=f"kill{number}")).version
        assert again.id == version.id
        assert events_of(hub, version.id) == ["VersionPushed", "VersionPublished"]
        assert names_found(hub, "bob", f"killed{number}") == [f"ann/killed{number}"]


def test_the_pushed_event_carries_what_the_scanner_needs(hub: Hub) -> None:
    request = hub.push_request("ann", "eventful")
    made = hub.stub("ann").CreateVersion(request).version
    events_of(hub, made.id)
    consumer = hub.bus.consumer("payload", ["versions"])
    pushed = None
    while pushed is None:
        for delivery in consumer.poll(limit=500, timeout=1):
            if delivery.event.key == made.id:
                pushed = delivery.event.parse(events_pb2.VersionPushed)
    consumer.close()
    assert list(pushed.files) == list(request.files)
    assert (pushed.owner, pushed.name, pushed.author) == ("ann", "eventful", "ann")
    assert from_struct(pushed.card)["description_zh"] == CARD["description_zh"]
