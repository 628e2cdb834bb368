"""Synthesis over real gRPC with a real voice: whole and streamed, stopped in time, by turns."""

from __future__ import annotations

import io
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import av
import grpc
import numpy as np
import pytest
import soundfile
from prometheus_client import REGISTRY

from gptsovits.runtime.label import read_label
from gptsovits.runtime.sampling import Floats
from gptsovits.runtime.speaking import Manner, Piece, frontend, speak
from gptsovits.runtime.voice import Voice as EngineVoice
from gptsovits.text.symbols import phone_ids
from services.common.errors import from_rpc
from services.inference.domain.fairness import Capacity
from services.inference.domain.ssml import parse
from services.inference.reading import read
from services.inference.tests.speaking import VERSION, Speaking, Stub, export_nano, speaking
from services.stubs.voicehub.inference.v1 import inference_pb2 as pb

TEXT = "The tide was coming in. Nobody had seen the boat, and the lamp was out."
LONG = " ".join(f"The tide was coming in for the {n} time that day." for n in ("first", "second", "third")) * 12


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export_nano(tmp_path_factory.mktemp("nano") / "bundle")


@pytest.fixture(scope="module")
def hub(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Speaking]:
    with speaking(bundle, tmp_path_factory.mktemp("hub"), Capacity(workers=1, places=12, per_account=8)) as running:
        yield running


def asked(text: str = TEXT, form: str = "pcm", delivery: str = "CHUNKS", **more: object) -> pb.SynthesizeStreamRequest:
    utterance = pb.SynthesizeRequest(version_id=VERSION, text=text, language="en", **more)  # type: ignore[arg-type]
    way = pb.SynthesizeStreamRequest.Delivery.Value(f"DELIVERY_{delivery}")
    return pb.SynthesizeStreamRequest(utterance=utterance, format=form, delivery=way)


Heard = tuple[pb.SynthesisStart, bytes, list[pb.SpokenWord], pb.SynthesisFacts]


def heard(stub: Stub, request: pb.SynthesizeStreamRequest) -> Heard:
    parts = list(stub.SynthesizeStream(request, timeout=120))
    assert parts[0].WhichOneof("part") == "start"
    assert parts[-1].WhichOneof("part") == "facts"
    words = [word for part in parts for word in part.words.words]
    return parts[0].start, b"".join(part.audio for part in parts), words, parts[-1].facts


def wave_of(pcm: bytes) -> Floats:
    return np.asarray(np.frombuffer(pcm, "<i2") / 32768, np.float32)


def samples_stated(flac: bytes) -> int:
    """The total of STREAMINFO (RFC 9639, 8.2), 0 for unknown; the signature lies before the FLAC."""
    place = flac.index(b"fLaC") + 18
    return int.from_bytes(flac[place : place + 8], "big") & (1 << 36) - 1


def counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def test_a_whole_file_is_what_the_engine_says(hub: Speaking) -> None:
    stub = hub.as_account("a")
    start, content, words, facts = heard(stub, asked(form="wav", delivery="FILE", seed=3))
    opened = hub.shelf.get(hub.voice)
    manner = Manner(Manner().sampling.__class__(**{**vars(opened.sampling), "seed": 3}))
    expected = speak(opened.engine, TEXT, "en", opened.conditioning, manner, frontend(opened.lexicons))
    found, rate = soundfile.read(io.BytesIO(content), dtype="float32")
    assert rate == start.sample_rate == 16_000
    assert np.abs(found - expected.wave).max() < 2 / 32768
    assert start.seconds == pytest.approx(expected.seconds)
    assert (start.size, start.provenance, start.label_place) == (len(content), "c2pa", "file")
    assert (read_label(content) or {})["ProduceID"] == VERSION
    assert facts.tokens == sum(len(piece.codes) for piece in expected.pieces)
    assert facts.characters == len(TEXT)
    assert [word.text for word in words] == [word.text for piece in expected.pieces for word in piece.words]
    unary = stub.Synthesize(pb.SynthesizeRequest(version_id=VERSION, text=TEXT, language="en", seed=3), timeout=60)
    assert np.abs(soundfile.read(io.BytesIO(unary.wav), dtype="float32")[0] - expected.wave).max() < 2 / 32768


def test_a_stream_is_as_long_as_the_file_and_its_words_lie_in_its_sound(hub: Speaking) -> None:
    stub = hub.as_account("a")
    _, whole, _, _ = heard(stub, asked(delivery="FILE", seed=3))
    parts = list(stub.SynthesizeStream(asked(seed=3), timeout=60))
    kinds = [part.WhichOneof("part") for part in parts]
    assert kinds.index("words") < len(kinds) - 3  # not only at the end
    streamed = wave_of(b"".join(part.audio for part in parts))
    assert len(streamed) == len(wave_of(whole))
    assert 0.03 < float(np.sqrt((streamed**2).mean())) < 0.5
    words = [word for part in parts for word in part.words.words]
    assert [w.text.lower() for w in words[:5]] == ["the", "tide", "was", "coming", "in"]
    assert all(a.start <= a.end <= b.start + 1e-6 for a, b in itertools.pairwise(words))
    assert words[-1].end <= len(streamed) / 16_000
    inside = streamed[int(words[0].start * 16_000) : int(words[4].end * 16_000)]
    assert np.sqrt((inside**2).mean()) > 3 * np.sqrt((streamed[-3_200:] ** 2).mean())  # the end is a pause


@pytest.mark.parametrize("delivery", ["FILE", "PIECES", "CHUNKS"])
def test_words_that_cannot_be_read_are_told_before_the_first_sound(hub: Speaking, delivery: str) -> None:
    stub, plain = hub.as_account("a"), "The tide was coming in. Nobody had seen the boat."
    start, audio, words, _ = heard(
        stub, asked("The tide 你好 was coming in. 再见。Nobody had seen the boat.", delivery=delivery)
    )
    assert list(start.left_out) == ["你好", "再见"]
    assert [word.text for word in words if word.text.isalpha()] == plain.replace(".", "").split()
    assert len(audio) > 16_000
    assert not heard(stub, asked(plain, delivery=delivery))[0].left_out


def test_a_marked_up_text_is_refused_only_if_no_stretch_can_be_read(hub: Speaking) -> None:
    stub = hub.as_account("a")
    partly = '<speak>你好。<break time="1s"/>The tide was coming in.</speak>'
    assert list(heard(stub, asked(partly, ssml=True))[0].left_out) == ["你好"]
    with pytest.raises(grpc.RpcError) as caught:
        heard(stub, asked('<speak>你好。<break time="1s"/>再见。</speak>', ssml=True))
    assert "can be read" in from_rpc(caught.value).message


def test_one_message_tells_what_it_leaves_out(hub: Speaking) -> None:
    wish = pb.SynthesizeRequest(version_id=VERSION, text="The tide 你好 was coming in.", language="en")
    assert list(hub.as_account("a").Synthesize(wish, timeout=60).left_out) == ["你好"]


@pytest.mark.parametrize("delivery", ["FILE", "CHUNKS"])
def test_what_is_ready_at_once_comes_in_one_message_for_who_asks(hub: Speaking, delivery: str) -> None:
    stub, wish = hub.as_account("a"), asked("The tide was coming in.", delivery=delivery, seed=3)
    apart = list(stub.SynthesizeStream(wish, timeout=60))
    assert not any(message.more for message in apart)
    wish.together = True
    joined = list(stub.SynthesizeStream(wish, timeout=60))
    kinds = [[part.WhichOneof("part") for part in (message, *message.more)] for message in joined]
    assert kinds[0] == (["start", "words", "audio"] if delivery == "FILE" else ["start", "audio"])
    assert kinds[-1] == (["facts"] if delivery == "FILE" else ["audio", "words", "facts"])
    flat = [part for message in joined for part in (message, *message.more)]
    assert [part.WhichOneof("part") for part in flat] == [part.WhichOneof("part") for part in apart]
    assert b"".join(part.audio for part in flat) == b"".join(part.audio for part in apart)
    assert [part.words for part in flat] == [part.words for part in apart]
    assert len(joined) < len(apart)


@pytest.mark.parametrize("form", ["wav", "flac", "mp3", "opus"])
def test_streams_are_files(hub: Speaking, form: str) -> None:
    start, content, _, facts = heard(hub.as_account("a"), asked(form=form, delivery="PIECES"))
    with av.open(io.BytesIO(content), "r") as file:
        seconds = sum(frame.samples / frame.sample_rate for frame in file.decode(audio=0))
    assert seconds == pytest.approx(facts.seconds, abs=0.2)
    assert start.provenance.startswith("none")
    assert "AIGC" in content[:2000].decode("latin-1")


def test_a_whole_flac_states_its_length_also_signed_and_a_stream_cannot(hub: Speaking) -> None:
    start, content, _, _ = heard(hub.as_account("a"), asked(form="flac", delivery="FILE"))
    assert start.provenance == "c2pa"
    assert samples_stated(content) == round(start.seconds * start.sample_rate)
    assert soundfile.info(io.BytesIO(content)).frames == samples_stated(content)
    assert samples_stated(heard(hub.as_account("a"), asked(form="flac"))[1]) == 0


def test_marks_prompts_and_the_notice(hub: Speaking) -> None:
    stub = hub.as_account("a")
    plain = wave_of(heard(stub, asked("Hello there.", delivery="FILE"))[1])
    noticed = wave_of(heard(stub, asked("Hello there.", delivery="FILE", notice=True))[1])
    np.testing.assert_array_equal(noticed[16_000:], plain)
    assert 0.09 < np.abs(noticed[:16_000]).max() < 0.11
    document = '<speak>Hello<break time="1500ms"/><phoneme ph="R EH1 D">read</phoneme> there</speak>'
    _, marked, words, _ = heard(stub, asked(document, delivery="FILE", ssml=True))
    assert [word.text.lower() for word in words] == ["hello", "read", "there"]
    assert words[1].start - words[0].end > 1.4
    gap = wave_of(marked)[int((words[1].start - 1.4) * 16_000) : int((words[1].start - 0.1) * 16_000)]
    assert np.abs(gap).max() < 0.05
    streamed = heard(stub, asked(document, delivery="CHUNKS", ssml=True, notice=True))[2]
    assert [word.text for word in streamed] == [word.text for word in words]
    assert streamed[1].start - streamed[0].end > 1.4
    assert streamed[0].start >= 1.0  # behind the notice
    high = wave_of(heard(stub, asked("Hello there.", delivery="FILE", prompt="high"))[1])
    assert len(high) != len(plain) or np.abs(high - plain).max() > 0.01
    low = wave_of(heard(stub, asked("Hello there.", delivery="FILE", prompt="low.wav"))[1])
    np.testing.assert_array_equal(plain, low)


def test_given_phones_of_a_chinese_text(hub: Speaking) -> None:
    document = '<speak>你好，<phoneme alphabet="x-pinyin" ph="zhong4 shu4">重数</phoneme>很好。</speak>'
    opened = hub.shelf.get(hub.voice)
    facts = replace(opened.engine.facts, languages=("zh", "en"), token_classes=None)
    big = replace(opened, engine=cast("EngineVoice", SimpleNamespace(facts=facts)))
    pieces = [p for p in read(parse(document), "zh", big, "cut0") if isinstance(p, Piece)]
    words = [(word.text, piece.phones[word.start : word.end]) for piece in pieces for word in piece.words]
    (found,) = [phones for text, phones in words if text == "重数"]
    assert tuple(found) == phone_ids(("zh", "ong4", "sh", "u4"))
    assert "你好,重数很好" in "".join(text for text, _ in words)


SAID = '<phoneme alphabet="x-pinyin" ph="ni3 hao3">Ni hao</phoneme>'


@pytest.mark.parametrize(
    ("text", "language", "left_out"),
    [
        ("The tide, 你好世界.", "auto", ["你好世界"]),
        ("안녕하세요. The tide was coming in.", "auto_yue", ["안녕하세요"]),
        (f"<speak>The tide {SAID} was coming in.</speak>", "en", ["Ni hao"]),
        (f'<speak>The tide {SAID} <phoneme ph="R EH1 D , .">red</phoneme>.</speak>', "auto", ["Ni hao"]),
        ("<speak>The <phoneme ph='zh ong4'>x</phoneme> tide.</speak>", "en", ["x"]),
    ],
)
def test_what_a_voice_of_one_language_cannot_say_is_told_in_every_mode(
    hub: Speaking, text: str, language: str, left_out: list[str]
) -> None:
    wish = pb.SynthesizeRequest(version_id=VERSION, text=text, language=language, ssml=text.startswith("<"))
    told = hub.as_account("a").SynthesizeStream(pb.SynthesizeStreamRequest(utterance=wish, format="pcm"), timeout=60)
    assert list(next(told).start.left_out) == left_out
    assert sum(len(part.audio) for part in told) > 8_000


@pytest.mark.parametrize("text", ["你好世界", "<speak>안녕하세요</speak>", f"<speak>{SAID}.</speak>"])
@pytest.mark.parametrize("delivery", ["FILE", "CHUNKS"])
def test_a_text_of_which_a_voice_can_say_nothing_is_refused_in_every_mode(
    hub: Speaking, text: str, delivery: str
) -> None:
    way = pb.SynthesizeStreamRequest.Delivery.Value(f"DELIVERY_{delivery}")
    wish = pb.SynthesizeRequest(version_id=VERSION, text=text, language="auto", ssml=text.startswith("<"))
    with pytest.raises(grpc.RpcError) as refused:
        list(hub.as_account("a").SynthesizeStream(pb.SynthesizeStreamRequest(utterance=wish, delivery=way), timeout=60))
    message = from_rpc(refused.value).message
    assert "can be read as 'auto'" in message
    assert "one of: en" in message
    assert ("Ni hao" in message) == (SAID in text)


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (asked(" "), "INVALID"),
        (asked("word " * 5_000), "INVALID"),
        (asked(form="aac"), "INVALID"),
        (asked("<speak><p>a</p></speak>", ssml=True), "INVALID_SSML"),
        (asked("hello", prompt="whispering"), "NO_SUCH_PROMPT"),
        (asked("hello", speed=9.0), "INVALID"),
        (asked("..."), "UNPROCESSABLE"),
    ],
)
def test_what_cannot_be_spoken_is_refused_before_the_first_sound(
    hub: Speaking, request_: pb.SynthesizeStreamRequest, reason: str
) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        heard(hub.as_account("a"), request_)
    error = from_rpc(refused.value)
    assert error.reason == reason, error.message


def test_endless_breaks_end(hub: Speaking, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.inference.speech.LONGEST_SECONDS", 25.0)
    document = "<speak>Hello" + '<break time="10s"/>' * 3 + "there</speak>"
    with pytest.raises(grpc.RpcError) as refused:
        heard(hub.as_account("a"), asked(document, delivery="FILE", ssml=True))
    assert from_rpc(refused.value).reason == "SPEECH_TOO_LONG"
    heard(hub.as_account("a"), asked(document.replace('<break time="10s"/>', "", 1), delivery="FILE", ssml=True))


@pytest.mark.parametrize("delivery", ["FILE", "CHUNKS"])
def test_a_cancelled_call_stops_the_work(hub: Speaking, delivery: str) -> None:
    stub, tokens = hub.as_account("a"), "voicehub_synthesis_tokens_total"
    before = counted(tokens)
    facts = heard(stub, asked(LONG[:600], delivery=delivery))[3]
    assert counted(tokens) - before == facts.tokens  # the control runs to its end
    before = counted(tokens)
    call = stub.SynthesizeStream(asked(LONG[:600], delivery=delivery), timeout=120)
    _until(lambda: counted(tokens) - before > 20)
    call.cancel()
    _until(lambda: counted("voicehub_synthesis_places") == 0)
    after = counted(tokens) - before
    assert after < 0.6 * facts.tokens
    heard(stub, asked("Hello there."))
    assert counted(tokens) - before - after < 100  # nobody went on in secret


def test_one_account_with_many_requests_does_not_delay_another(hub: Speaking) -> None:
    ended: list[str] = []

    def ask(name: str, text: str) -> None:
        heard(hub.as_account(name), asked(text, delivery="FILE"))
        ended.append(name)

    busy = [threading.Thread(target=ask, args=("busy", "The tide was coming in.")) for _ in range(8)]
    for one in busy:
        one.start()
    _until(lambda: counted("voicehub_synthesis_places") == 8)
    with pytest.raises(grpc.RpcError) as refused:
        heard(hub.as_account("busy"), asked("one more"))
    assert from_rpc(refused.value).http_status == 429
    done_before = len(ended)
    ask("other", "The tide was coming in.")
    assert len(ended) - 1 - done_before <= 2
    for one in busy:
        one.join(60)
    assert ended.count("busy") == 8


def test_whole_files_of_an_account_end_one_after_another(hub: Speaking) -> None:
    before, ends = counted(tokens := "voicehub_synthesis_tokens_total"), list[float]()

    def ask() -> None:
        heard(hub.as_account("busy"), asked(LONG[:300], delivery="FILE"))
        ends.append(counted(tokens) - before)

    with ThreadPoolExecutor(4) as pool:
        for one in [pool.submit(ask) for _ in range(4)]:
            one.result()
    assert ends[0] < 0.5 * ends[-1]  # by turns all of them would end at the end


def test_a_full_hub_says_so_at_once(hub: Speaking) -> None:
    calls = [hub.as_account(f"account{n % 2}").SynthesizeStream(asked(LONG), timeout=60) for n in range(12)]
    _until(lambda: counted("voicehub_synthesis_places") == 12)
    since = time.monotonic()
    with pytest.raises(grpc.RpcError) as refused:
        heard(hub.as_account("late"), asked("hello"))
    assert from_rpc(refused.value).http_status == 503
    assert time.monotonic() - since < 2
    for call in calls:
        call.cancel()
    _until(lambda: counted("voicehub_synthesis_places") == 0)


def test_a_reader_that_does_not_read_holds_nobody_up(hub: Speaking) -> None:
    slow = hub.as_account("slow").SynthesizeStream(asked(LONG, form="pcm"), timeout=120)
    next(slow)
    since = time.monotonic()
    heard(hub.as_account("quick"), asked("Hello there."))
    assert time.monotonic() - since < 20
    slow.cancel()
    _until(lambda: counted("voicehub_synthesis_places") == 0)


def _until(reached: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline, waiting = time.monotonic() + seconds, threading.Event()
    while not reached():
        assert time.monotonic() < deadline
        waiting.wait(0.005)
