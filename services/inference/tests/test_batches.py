"""Batches with a real voice and a real bus: complete, repeatable, private, stopped and taken up again."""

from __future__ import annotations

import io
import json
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, cast

import grpc
import pytest
import soundfile
from blake3 import blake3
from sqlalchemy import select
from sqlalchemy.event import listen
from sqlalchemy.exc import OperationalError

from gptsovits.audio.containers import CONTAINERS
from gptsovits.runtime.label import read_label
from services.common.errors import VoiceHubError, from_rpc
from services.common.events import Event, make_event
from services.common.objects import Area
from services.common.tables import dead_letters, outbox
from services.inference import store
from services.inference.auditions import Auditions
from services.inference.domain.voices import Voice
from services.inference.domain.wishes import Form, Wish
from services.inference.exporter import Exporter
from services.inference.handlers import Handlers
from services.inference.tests.batching import Batching, Meanwhile, batching
from services.inference.tests.speaking import VERSION, export_nano
from services.stubs.voicehub.catalog.v1.events_pb2 import VersionErased
from services.stubs.voicehub.common.v1.charges_pb2 import ReservationClosed
from services.stubs.voicehub.inference.v1 import batch_pb2 as pb

LINES = [{"id": f"n{n}", "text": f"Line number {word}."} for n, word in enumerate(("one", "two", "three", "four"))]
SRT = b"1\n00:00:01,000 --> 00:00:09,000\nThe tide was coming in.\n\n2\n00:00:10,000 --> 00:00:10,200\nNobody saw it.\n"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_nano(tmp_path_factory.mktemp("nano") / "bundle")


@pytest.fixture
def hub(bundle: Path, tmp_path: Path) -> Iterator[Batching]:
    with batching(bundle, tmp_path) as running:
        yield running


def create(hub: Batching, plan: pb.BatchPlan, account: str = "ann", key: str = "") -> pb.Batch:
    return hub.as_account(account).CreateBatch(pb.CreateBatchRequest(plan=plan, idempotency_key=key), timeout=60).batch


def refusal(call: Callable[[], object]) -> VoiceHubError:
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return from_rpc(caught.value)


def test_every_line_by_every_voice_once(hub: Batching) -> None:
    hub.subscriber.start()
    odd = [
        {"id": "empty", "text": " "},
        {"id": "long", "text": "word " * 500},
        {"id": "tlh", "text": "Qapla", "language": "tlh"},
    ]
    mine = [{"id": "high only", "text": "Hello there.", "voice": "ann/high", "seed": 9}]
    made = create(hub, hub.plan(*LINES, *odd, *mine, voices=("ann/low", "ann/high"), language="en", seed=4))
    assert (made.state, made.lines, made.total, made.failed) == (pb.BATCH_STATE_RUNNING, 8, 15, 4)
    stub = hub.as_account("ann")
    batch = hub.ended(stub, made.id)
    assert (batch.state, batch.done, batch.failed) == (pb.BATCH_STATE_FINISHED, 9, 6)
    assert [(voice.done, voice.failed, voice.total) for voice in batch.voices] == [(4, 3, 7), (5, 3, 8)]
    takes = hub.takes(stub, batch.id)
    assert len(takes) == 15
    reasons = {take.line: take.error for take in takes if take.state == pb.TAKE_STATE_FAILED}
    assert "no text" in reasons["empty"]
    assert "at most 2000" in reasons["long"]
    assert "does not speak 'tlh'" in reasons["tlh"]
    with zipfile.ZipFile(io.BytesIO(hub.content(batch.zip.digest))) as archive:
        entries = [json.loads(line) for line in archive.read("manifest.jsonl").decode().splitlines()]
        for entry in (entry for entry in entries if entry["state"] == "done"):
            content = archive.read(entry["file"])
            assert blake3(content).hexdigest() == entry["digest"]
            assert soundfile.info(io.BytesIO(content)).duration == pytest.approx(entry["seconds"], abs=1e-3)
            assert (read_label(content) or {})["ProduceID"] == VERSION
            assert [w["text"].lower() for w in entry["words"]] == entry["text"].lower().strip(".").split()
        assert len(archive.namelist()) == 1 + 9
        assert "02-ann--high/00008-high_only.wav" in archive.namelist()
    streamed = b"".join(part.content for part in stub.ReadManifest(pb.ReadManifestRequest(id=batch.id)))
    assert [json.loads(line) for line in streamed.splitlines()] == entries
    assert _as_said_at_once(hub, LINES[1]["text"], 4) == hub.content(takes[1].audio.digest)
    _nothing_is_parked(hub)


def test_words_that_a_voice_cannot_read_are_told_line_by_line(hub: Batching) -> None:
    hub.subscriber.start()
    stub, lines = hub.as_account("ann"), [*LINES[:1], {"id": "mixed", "text": "Line 你好 number two."}]
    batch = hub.ended(stub, create(hub, hub.plan(*lines, language="en")).id)
    assert [list(take.left_out) for take in hub.takes(stub, batch.id)] == [[], ["你好"]]
    with zipfile.ZipFile(io.BytesIO(hub.content(batch.zip.digest))) as archive:
        entries = [json.loads(line) for line in archive.read("manifest.jsonl").decode().splitlines()]
    assert [(entry["line"], entry["left_out"]) for entry in entries] == [("n0", []), ("mixed", ["你好"])]


def test_a_voice_that_is_quarantined_falls_silent_and_the_batch_ends(hub: Batching) -> None:
    stub = hub.as_account("ann")
    made = create(hub, hub.plan(*LINES, *({"id": f"m{n}", "text": "The tide was coming in."} for n in range(40))))
    hub.subscriber.start()
    watched = stub.WatchBatch(pb.WatchBatchRequest(id=made.id), timeout=60)
    next(message for message in watched if message.batch.done)
    with hub.database.write() as session:
        store.withdraw(session, VERSION)
    done = sum(take.state == pb.TAKE_STATE_DONE for take in hub.takes(stub, made.id, 500))
    batch = hub.ended(stub, made.id)
    assert batch.state == pb.BATCH_STATE_FINISHED
    assert abs(batch.done - done) <= 1
    assert batch.failed > 30
    last = hub.takes(stub, made.id, 500)[-1]
    assert (last.state, last.error) == (pb.TAKE_STATE_FAILED, "This version was withdrawn from this hub.")
    _nothing_is_parked(hub)


def test_subtitles_keep_their_times(hub: Batching) -> None:
    hub.subscriber.start()
    stub = hub.as_account("ann")
    batch = hub.ended(stub, create(hub, hub.uploaded(SRT, list_format="srt")).id)
    first, second = hub.takes(stub, batch.id)
    assert (first.slot.start, first.slot.end, first.slot.overrun) == (1.0, 9.0, 0.0)
    assert second.slot.overrun == pytest.approx(second.seconds - 0.2)
    with zipfile.ZipFile(io.BytesIO(hub.content(batch.zip.digest))) as archive:
        cues = archive.read("ann--low.srt").decode()
    assert f"00:00:01,000 --> 00:00:0{1 + first.seconds:.3f}".replace(".", ",") in cues


def test_the_same_batch_again_makes_no_new_object(hub: Batching) -> None:
    hub.subscriber.start()
    stub = hub.as_account("ann")
    first = hub.ended(stub, create(hub, hub.plan(*LINES), key="k").id)
    assert create(hub, hub.plan(*LINES), key="k").id == first.id
    objects = set(hub.objects.digests(Area.SERVED))
    second = hub.ended(stub, create(hub, hub.plan(*LINES)).id)
    assert second.id != first.id
    audio = [{take.audio.digest for take in hub.takes(stub, batch.id)} for batch in (first, second)]
    assert audio[0] == audio[1]
    assert set(hub.objects.digests(Area.SERVED)) - objects <= {second.zip.digest}


def test_a_key_of_another_batch_is_refused_however_long_ago_it_was_used(hub: Batching) -> None:
    first = create(hub, hub.plan(*LINES), key="nightly")
    moved = hub.plan(*LINES)
    moved.voices[0].version_id = "b" * 32
    assert create(hub, moved, key="nightly").id == first.id  # the voice's branch went on: the same was asked for
    for other in (hub.plan(*LINES[1:]), hub.plan(*LINES, seed=1), hub.plan(*LINES, voices=("ann/high",))):
        refused = refusal(lambda plan=other: create(hub, plan, key="nightly"))  # type: ignore[misc]
        assert (refused.http_status, refused.reason) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert create(hub, hub.plan(*LINES[1:]), account="bo", key="nightly").id != first.id


def test_a_shard_that_comes_again_speaks_nothing_again(hub: Batching) -> None:
    made = create(hub, hub.plan(*LINES))
    event = _asked(hub)[0]
    hub.subscriber.process(event)
    before = {take.line: take.audio.digest for take in hub.takes(hub.as_account("ann"), made.id)}
    assert all(before.values())
    again = Event(**{**vars(event), "id": "0" * 32})  # as a broker that lost our position would send it
    said = len(_asked(hub))
    hub.subscriber.process(event)
    hub.subscriber.process(again)
    assert {take.line: take.audio.digest for take in hub.takes(hub.as_account("ann"), made.id)} == before
    assert len(_asked(hub)) == said
    _nothing_is_parked(hub)


def test_cancel_keeps_what_is_done_and_resume_does_the_rest(hub: Batching) -> None:
    hub.subscriber.start()
    stub = hub.as_account("ann")
    made = create(hub, hub.plan(*[{"text": f"Here is line {n}."} for n in range(30)]))
    watch = stub.WatchBatch(pb.WatchBatchRequest(id=made.id), timeout=60)
    seen = next(message for message in watch if message.batch.done >= 2)
    assert stub.CancelBatch(pb.CancelBatchRequest(id=made.id)).batch.state == pb.BATCH_STATE_CANCELLED
    assert list(watch)[-1].batch.state == pb.BATCH_STATE_CANCELLED
    cancelled = hub.ended(stub, made.id)
    assert 2 <= cancelled.done < 30
    with zipfile.ZipFile(io.BytesIO(hub.content(cancelled.zip.digest))) as archive:
        assert len(archive.namelist()) == 1 + cancelled.done
    assert refusal(lambda: stub.CancelBatch(pb.CancelBatchRequest(id=made.id))).reason == "BATCH_ENDED"
    done = {take.number: take.audio.digest for take in hub.takes(stub, made.id) if take.audio.digest}
    stub.ResumeBatch(pb.ResumeBatchRequest(id=made.id))
    assert cancelled.zip.digest not in set(hub.objects.digests(Area.SERVED))
    after = list(stub.WatchBatch(pb.WatchBatchRequest(id=made.id, after_sequence=seen.sequence), timeout=60))
    told = Counter(take.number for message in (seen, *after) for take in message.takes)
    assert max(told.values()) == 1  # nothing is told twice to who says what they saw
    finished = hub.ended(stub, made.id)
    assert (finished.state, finished.done, finished.failed) == (pb.BATCH_STATE_FINISHED, 30, 0)
    assert done.items() <= {take.number: take.audio.digest for take in hub.takes(stub, made.id)}.items()
    assert refusal(lambda: stub.ResumeBatch(pb.ResumeBatchRequest(id=made.id))).reason == "BATCH_FINISHED"
    _nothing_is_parked(hub)


def test_samples_of_an_erased_version_go_but_not_a_take_that_sounds_the_same(hub: Batching) -> None:
    hub.subscriber.start()
    stub = hub.as_account("ann")
    batch = hub.ended(stub, create(hub, hub.plan(*LINES)).id)
    take = hub.takes(stub, batch.id)[0].audio.digest
    sample = hub.objects.put(Area.SERVED, [b"a sample"]).digest
    unused = cast("Exporter", None), cast("Auditions", None)
    fact = VersionErased(version_id="e" * 32, samples=[sample, take])
    Handlers(hub.database, hub.objects, *unused).erased(make_event("versions", "e" * 32, fact, "catalog"))
    there = set(hub.objects.digests(Area.SERVED))
    assert sample not in there
    assert take in there


def test_a_deleted_batch_takes_along_what_no_other_made(hub: Batching) -> None:
    hub.subscriber.start()
    stub = hub.as_account("ann")
    kept = hub.ended(stub, create(hub, hub.plan(*LINES)).id)
    before = set(hub.objects.digests(Area.SERVED))
    made = hub.ended(stub, create(hub, hub.plan(*LINES, {"text": "Only here."})).id)
    assert len(set(hub.objects.digests(Area.SERVED)) - before) == 2  # a take and the zip
    stub.DeleteBatch(pb.DeleteBatchRequest(id=made.id))
    assert refusal(lambda: stub.GetBatch(pb.GetBatchRequest(id=made.id))).http_status == 404
    assert [batch.id for batch in stub.ListBatches(pb.ListBatchesRequest()).batches] == [kept.id]
    hub.forgotten(made.id)
    assert set(hub.objects.digests(Area.SERVED)) == before
    assert hub.content(kept.zip.digest)
    _nothing_is_parked(hub)


def test_a_resumed_batch_lets_go_of_its_zip_but_not_of_one_that_another_has(hub: Batching) -> None:
    hub.subscriber.start()
    stub, lines = hub.as_account("ann"), [LINES[0], {"id": "mute", "text": "♪"}]
    first, second = (hub.ended(stub, create(hub, hub.plan(*lines, language="en")).id) for _ in range(2))
    assert (first.done, first.failed, first.zip.digest) == (1, 1, second.zip.digest)
    stub.ResumeBatch(pb.ResumeBatchRequest(id=first.id))
    assert hub.content(second.zip.digest)
    again = hub.ended(stub, first.id)  # what it says of the line that fails is the same, so the zip is, too
    assert again.zip.digest == second.zip.digest
    for batch in (first, second):
        stub.DeleteBatch(pb.DeleteBatchRequest(id=batch.id))
        hub.forgotten(batch.id)
    assert second.zip.digest not in set(hub.objects.digests(Area.SERVED))


def test_what_another_worker_still_speaks_when_a_batch_is_cancelled_is_neither_kept_nor_left(
    hub: Batching, tmp_path: Path
) -> None:
    stub = hub.as_account("ann")
    made = create(hub, hub.plan(*LINES))
    spoken = set(hub.objects.digests(Area.SERVED))
    cancelling = Meanwhile(hub.objects, lambda: stub.CancelBatch(pb.CancelBatchRequest(id=made.id)))
    hub.worker(cancelling, tmp_path / "worker").process(_asked(hub)[0])
    assert cancelling.put_once
    assert stub.GetBatch(pb.GetBatchRequest(id=made.id)).batch.done == 0
    assert set(hub.objects.digests(Area.SERVED)) == spoken
    _nothing_is_parked(hub)


def test_nothing_is_left_of_a_take_whose_voice_was_withdrawn_at_its_end(hub: Batching, tmp_path: Path) -> None:
    stub = hub.as_account("ann")
    made = create(hub, hub.plan(*LINES[:1]))
    spoken = set(hub.objects.digests(Area.SERVED))

    def withdraw() -> None:
        with hub.database.write() as session:
            store.withdraw(session, VERSION)

    hub.worker(Meanwhile(hub.objects, withdraw), tmp_path / "worker").process(_asked(hub)[0])
    (take,) = hub.takes(stub, made.id)
    assert (take.state, take.error) == (pb.TAKE_STATE_FAILED, "This version was withdrawn from this hub.")
    assert set(hub.objects.digests(Area.SERVED)) == spoken


def test_a_database_that_is_away_for_a_moment_is_no_fault_of_a_line(hub: Batching) -> None:
    made = create(hub, hub.plan(*LINES[:1]))
    asked = _asked(hub)[0]
    failed: list[str] = []

    def fail_once(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if "FROM voices" in statement and not failed:
            failed.append(statement)
            raise OperationalError(statement, {}, Exception("the server closed the connection unexpectedly"))

    listen(hub.database.engine, "before_cursor_execute", fail_once)
    with pytest.raises(OperationalError):  # so the shard comes again
        hub.subscriber.process(asked)
    hub.subscriber.process(asked)
    batch = hub.as_account("ann").GetBatch(pb.GetBatchRequest(id=made.id)).batch
    assert (batch.done, batch.failed) == (1, 0)


def test_a_zip_of_a_batch_that_was_resumed_meanwhile_is_not_kept(hub: Batching) -> None:
    stub = hub.as_account("ann")
    made = create(hub, hub.plan(*[{"text": f"Line {n}."} for n in range(9)]))
    hub.subscriber.process(_asked(hub)[0])
    stub.CancelBatch(pb.CancelBatchRequest(id=made.id))
    spoken = set(hub.objects.digests(Area.SERVED))
    asked = pb.BatchPackRequested(batch_id=made.id, attempt=1)
    effect = hub.handler(pb.BatchPackRequested)(make_event("synthesis", made.id, asked, "inference"))
    assert effect is not None
    assert len(set(hub.objects.digests(Area.SERVED)) - spoken) == 1
    stub.ResumeBatch(pb.ResumeBatchRequest(id=made.id))
    with hub.database.write() as session:
        effect(session)
    assert set(hub.objects.digests(Area.SERVED)) == spoken


def test_a_batch_under_way_is_not_deleted(hub: Batching) -> None:
    made, stub = create(hub, hub.plan(*LINES)), hub.as_account("ann")
    assert refusal(lambda: stub.DeleteBatch(pb.DeleteBatchRequest(id=made.id))).reason == "BATCH_RUNNING"
    assert stub.GetBatch(pb.GetBatchRequest(id=made.id)).batch.state == pb.BATCH_STATE_RUNNING


def test_batches_of_others_do_not_exist(hub: Batching) -> None:
    made, other = create(hub, hub.plan(*LINES)), hub.as_account("bo")
    assert other.ListBatches(pb.ListBatchesRequest()).batches == []
    assert [batch.id for batch in hub.as_account("ann").ListBatches(pb.ListBatchesRequest()).batches] == [made.id]
    calls: dict[Callable[..., object], Callable[..., Any]] = {
        other.GetBatch: pb.GetBatchRequest,
        other.ListTakes: pb.ListTakesRequest,
        other.CancelBatch: pb.CancelBatchRequest,
        other.ResumeBatch: pb.ResumeBatchRequest,
        other.DeleteBatch: pb.DeleteBatchRequest,
        other.ResolveBatchObject: pb.ResolveBatchObjectRequest,
        lambda asked: list(other.WatchBatch(asked)): pb.WatchBatchRequest,
        lambda asked: list(other.ReadManifest(asked)): pb.ReadManifestRequest,
    }
    for call, request in calls.items():
        hidden, absent = (refusal(partial(call, request(id=name))) for name in (made.id, "0" * 32))
        assert (hidden.http_status, hidden.message, hidden.hint) == (404, absent.message, absent.hint)
    assert refusal(lambda: create(hub, hub.plan(*LINES), account="")).http_status == 401
    trainer = hub.as_account("ann", "trainer")
    plan = hub.plan(*LINES)
    assert refusal(lambda: trainer.CreateBatch(pb.CreateBatchRequest(plan=plan))).http_status == 403
    assert refusal(lambda: trainer.ResumeBatch(pb.ResumeBatchRequest(id=made.id))).http_status == 403


def test_an_estimate_measures_and_names_what_would_be_refused(hub: Batching) -> None:
    stub = hub.as_account("ann")
    plan = hub.plan(*LINES, {"id": "x", "text": ""}, {"id": "y", "text": "a", "language": "ja"}, speed=2.0)
    before = stub.EstimateBatch(pb.EstimateBatchRequest(plan=plan), timeout=60)
    assert (before.lines, before.takes, before.refused) == (6, 4, 2)
    assert [(one.line, one.number) for one in before.refusals] == [("x", 5), ("y", 6)]
    assert "measured now" in before.voices[0].source
    assert before.characters == sum(len(line["text"]) for line in LINES)
    assert stub.ListBatches(pb.ListBatchesRequest()).batches == []
    hub.subscriber.start()
    ended = hub.ended(stub, create(hub, plan).id)
    after = stub.EstimateBatch(pb.EstimateBatchRequest(plan=plan), timeout=60)
    assert "last 4 takes" in after.voices[0].source
    assert after.audio_seconds == pytest.approx(ended.seconds, rel=1e-6)
    assert before.audio_seconds == pytest.approx(ended.seconds, rel=0.5)
    assert 0 < after.machine_seconds < 60


@pytest.mark.parametrize("language", ["auto", "all_en", "auto_yue", ""])
def test_an_estimate_measures_on_what_the_voice_can_say_whatever_the_lines_are(hub: Batching, language: str) -> None:
    plan = hub.plan({"text": "♪"}, {"text": "Hello there."}, language=language)
    found = hub.as_account("ann").EstimateBatch(pb.EstimateBatchRequest(plan=plan), timeout=60)
    assert found.takes == 2
    assert found.audio_seconds > 0.3
    assert "measured now" in found.voices[0].source


def test_a_line_s_language_means_in_a_batch_what_it_means_elsewhere(hub: Batching) -> None:
    plan = hub.plan(*({"text": "Hello.", "language": tag} for tag in ("en_GB", "zh-yue", "cmn")))
    found = hub.as_account("ann").EstimateBatch(pb.EstimateBatchRequest(plan=plan), timeout=60)
    reasons = [one.reason.split("; ")[0] for one in found.refusals]
    assert reasons == ["This voice does not speak 'yue'", "This voice does not speak 'zh'"]


def test_what_cannot_be_a_batch_is_refused_whole(hub: Batching) -> None:
    broken = refusal(lambda: create(hub, hub.uploaded(b'{"text": "a"}\n{"text"')))
    assert (broken.http_status, broken.reason, broken.fields) == (422, "LIST_REFUSED", {"list": "line 2"})
    assert "line 2" in broken.message
    unknown = refusal(lambda: create(hub, hub.plan({"text": "a", "voice": "bo/x"})))
    assert (unknown.http_status, unknown.reason) == (422, "UNKNOWN_VOICE")
    assert refusal(lambda: create(hub, hub.plan(*LINES, voices=("ann/low", "ann/low")))).fields.keys() == {"voices"}
    opus = hub.plan(*LINES)
    opus.format = "opus"
    assert refusal(lambda: create(hub, opus)).fields.keys() == {"format"}
    odd = hub.plan(*LINES, sample_rate=40_000)
    assert create(hub, odd, account="bo").state == pb.BATCH_STATE_RUNNING
    odd.format = "mp3"
    assert "40000" in refusal(lambda: create(hub, odd)).fields["sample_rate"]
    long = refusal(lambda: create(hub, hub.uploaded(b"text,language\nHello.,en\nHello.," + b"x" * 36 + b"\n")))
    assert (long.reason, long.fields) == ("LIST_REFUSED", {"list": "row 3"})


def test_no_more_batches_of_an_account_are_under_way_than_are_allowed(hub: Batching) -> None:
    stub = hub.as_account("ann")
    cancelled = create(hub, hub.plan(*LINES))
    stub.CancelBatch(pb.CancelBatchRequest(id=cancelled.id))
    made = [create(hub, hub.plan(*LINES)) for _ in range(8)]
    assert refusal(lambda: create(hub, hub.plan(*LINES))).reason == "BATCHES_OPEN"
    assert refusal(lambda: stub.ResumeBatch(pb.ResumeBatchRequest(id=cancelled.id))).reason == "BATCHES_OPEN"
    stub.ResumeBatch(pb.ResumeBatchRequest(id=made[0].id))  # one that is stuck counts already
    create(hub, hub.plan(*LINES), account="bo")
    stub.CancelBatch(pb.CancelBatchRequest(id=made[0].id))
    again = stub.ResumeBatch(pb.ResumeBatchRequest(id=cancelled.id)).batch
    assert again.state == pb.BATCH_STATE_RUNNING


def _as_said_at_once(hub: Batching, text: str, seed: int) -> bytes:
    with hub.database.read() as session:
        from services.inference import store

        voice = store.find(session, VERSION)
    assert isinstance(voice, Voice)
    form = Form(CONTAINERS["wav"], same_bytes=True)
    parts = hub.synthesizer.stream(voice, Wish(text, "en", seed), form, "somebody")
    return b"".join(part for part in parts if isinstance(part, bytes))


def _asked(hub: Batching) -> list[Event]:
    """The shards that were asked for, from the bus and what is on its way there."""
    import sqlite3

    from services.common.events.sqlite import _to_event

    name = str(pb.BatchShardRequested.DESCRIPTOR.full_name)
    with hub.database.read() as session:
        rows = session.execute(select(outbox).where(outbox.c.type == name).order_by(outbox.c.sequence)).all()
    waiting = [Event(r.id, r.topic, r.key, r.type, r.source, r.time, r.data, r.trace) for r in rows]
    path = hub.subscriber._bus._path  # type: ignore[attr-defined]
    with sqlite3.connect(path) as log:
        columns = "position, id, topic, key, type, source, time, data, trace"
        sent = [_to_event(row) for row in log.execute(f"SELECT {columns} FROM log WHERE type = ?", (name,))]
    return sent + [event for event in waiting if event.id not in {one.id for one in sent}]


def test_what_is_spoken_is_paid_and_what_fails_is_not(hub: Batching) -> None:
    hub.subscriber.start()
    odd = [{"id": "empty", "text": " "}, {"id": "tlh", "text": "Qapla", "language": "tlh"}]
    made = create(hub, hub.plan(*LINES, *odd, language="en"))
    hub.ended(hub.as_account("ann"), made.id)
    spoken = sum(len(line["text"]) for line in LINES)
    assert [(one.account, one.purpose, one.units) for one in hub.reserved] == [("ann", "synthesis", spoken + 5)]
    assert _closed(hub, 1) == [ReservationClosed(reservation=hub.reserved[0].reservation, units=spoken)]


def test_a_batch_that_is_asked_for_twice_at_once_is_one(hub: Batching) -> None:
    """As when a client gave up waiting and asks again; what the second reserved goes back."""
    plan = hub.plan(*LINES)
    earlier: list[str] = []
    hub.when_reserved.append(lambda: earlier.append(create(hub, plan, key="k").id))
    assert create(hub, plan, key="k").id == earlier[0]
    hub.subscriber.start()
    hub.ended(hub.as_account("ann"), earlier[0])
    assert sorted(one.units for one in _closed(hub, 2)) == [0, sum(len(line["text"]) for line in LINES)]


def test_a_batch_that_is_resumed_twice_at_once_is_paid_once(hub: Batching) -> None:
    stub, made = hub.as_account("ann"), create(hub, hub.plan(*LINES))
    stub.CancelBatch(pb.CancelBatchRequest(id=made.id))
    hub.subscriber.start()
    hub.ended(stub, made.id)
    hub.when_reserved.append(lambda: stub.ResumeBatch(pb.ResumeBatchRequest(id=made.id)))
    stub.ResumeBatch(pb.ResumeBatchRequest(id=made.id))
    assert hub.ended(stub, made.id).done == len(LINES)
    assert [one.units for one in _closed(hub, 3)] == [0, 0, sum(len(line["text"]) for line in LINES)]


def test_a_batch_whose_credits_go_back_while_it_is_resumed_is_not_spoken_for_nothing(hub: Batching) -> None:
    stub, made = hub.as_account("ann"), create(hub, hub.plan(*LINES))
    stub.CancelBatch(pb.CancelBatchRequest(id=made.id))
    asked = pb.BatchPackRequested(batch_id=made.id, attempt=1)
    packed = [hub.handler(pb.BatchPackRequested)(make_event("synthesis", made.id, asked, "inference"))]

    def finish(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if "FROM charges" in statement and packed and (effect := packed.pop()):
            with hub.database.write() as session:
                effect(session)

    listen(hub.database.engine, "after_cursor_execute", finish)
    assert refusal(lambda: stub.ResumeBatch(pb.ResumeBatchRequest(id=made.id))).reason == "BATCH_PACKED"
    assert len(hub.reserved) == 1
    assert stub.ResumeBatch(pb.ResumeBatchRequest(id=made.id)).batch.state == pb.BATCH_STATE_RUNNING
    assert len(hub.reserved) == 2


def _closed(hub: Batching, least: int) -> list[ReservationClosed]:
    """What the ledger is told, once it was told so much."""
    consumer = hub.subscriber._bus.consumer("ledger", ["synthesis"])
    seen: list[ReservationClosed] = []
    while len(seen) < least:
        for delivery in consumer.poll(limit=100, timeout=5):
            if delivery.event.type == ReservationClosed.DESCRIPTOR.full_name:
                seen.append(delivery.event.parse(ReservationClosed))
            consumer.commit(delivery)
    consumer.close()
    return seen


def _nothing_is_parked(hub: Batching) -> None:
    with hub.database.read() as session:
        assert session.execute(select(dead_letters)).all() == []
