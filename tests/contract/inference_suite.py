"""What every engine that speaks promises.

One joins by classes that inherit these tests and have the fixtures `engines` and `work`; the reference is one row
alone, step by step, on onnxruntime.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest

from gptsovits.errors import BrokenVoice, MissingInput, VoiceError
from gptsovits.parity.recorded_synthesis import recorded_prompt
from gptsovits.runtime.bundle import Bundle
from gptsovits.runtime.engine import Utterance
from gptsovits.runtime.generation import generate
from gptsovits.runtime.monotonic import MonotonicReading
from gptsovits.runtime.sampling import Floats, Sampling, Tokens
from gptsovits.runtime.speaking import Manner, Piece
from gptsovits.runtime.stage1 import started
from gptsovits.runtime.streaming import Chunks, stream_piece
from gptsovits.runtime.voice import Voice as EngineVoice
from services.common.errors import Unprocessable
from services.inference.engines import Engines, Opened
from services.inference.registry import BaseRegistry
from services.inference.shelf import OpenVoice, Shelf
from tests.contract.inference_voices import GOLDEN, Voices

T = TypeVar("T")
TOLERANCE = 2e-4
PATIENCE = 60.0
LIMIT = 60
"""Tokens of a sentence of the voice that does not know where a sentence ends."""


@dataclass(frozen=True)
class Work:
    """Tokens that stage 1 has computed for a voice, and sentences that it has dropped because nobody wanted them."""

    tokens: int
    cancelled: int


WorkOf = Callable[[OpenVoice], Work]


def phones_of(voice: EngineVoice, number: int, length: int = 0) -> Tokens:
    """Phones of sentence `number`; lengths differ."""
    draw = np.random.default_rng(number)
    classes = voice.facts.token_classes
    spoken = np.arange(1, voice.facts.phones) if classes is None else np.flatnonzero(classes)
    return spoken[draw.integers(0, len(spoken), length or draw.integers(6, 30))]


def manner_of(number: int) -> Sampling:
    """Of sentence `number`; they differ too."""
    return Sampling(seed=number, top_k=5 + number % 11, temperature=0.8 + 0.1 * (number % 5), early_stop=LIMIT)


def alone(bundle: Bundle, opened: OpenVoice, number: int) -> Tokens:
    """The reference: what sentence `number` is by itself."""
    facts, phones = bundle.facts, phones_of(opened.engine, number)
    bert = [np.zeros((facts.bert_dim, len(phones)), np.float32)] if facts.bert_dim else None
    stepper, logits, prompts = started(bundle, [phones], bert, np.zeros(0, np.int64))
    reading = None if facts.token_classes is None else MonotonicReading([facts.token_classes[phones]], facts.eos)
    (found,) = generate(stepper, logits, prompts, facts.eos, manner_of(number), reading=reading)
    return found.semantic()


def spoken(opened: OpenVoice, number: int) -> Tokens:
    phones = phones_of(opened.engine, number)
    return opened.engine.generate_tokens(phones, None, opened.conditioning, manner_of(number))


def streamed(opened: OpenVoice, number: int) -> Tokens:
    phones = phones_of(opened.engine, number)
    return np.array(list(opened.engine.stream_tokens(phones, None, opened.conditioning, manner_of(number))))


def sound(opened: OpenVoice, number: int) -> Floats:
    """Streamed, in small chunks."""
    piece, manner = Piece("", phones_of(opened.engine, number)), Manner(manner_of(number))
    chunks = Chunks(first=5, largest=10, lookahead=2)
    return np.concatenate(list(stream_piece(opened.engine, piece, opened.conditioning, manner, chunks)))


class InferenceContract:
    """The promises of `services.inference.engines.Engines` and of the shelf on it.

    Attributes:
        tolerance: how far a wave may be from the reference's, of 1.
    """

    tolerance = TOLERANCE

    @pytest.fixture(scope="class")
    @classmethod
    def shelf(cls, engines: Engines, voices: Voices, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
        folder = tmp_path_factory.mktemp("shelf")
        with closing(Shelf(voices.objects, BaseRegistry(folder / "bases"), folder / "voices", engines)) as shelf:
            yield shelf

    @pytest.fixture(scope="class")
    @classmethod
    def opened(cls, shelf: Shelf, voices: Voices) -> dict[str, OpenVoice]:
        """All voices, opened at the same time."""
        with ThreadPoolExecutor(len(voices.stored)) as pool:
            return dict(zip(voices.stored, pool.map(shelf.get, voices.stored.values()), strict=True))

    @pytest.fixture(scope="class")
    @classmethod
    def bundles(cls, voices: Voices) -> dict[str, Bundle]:
        return {name: Bundle.open(folder, 1, verify=False) for name, folder in voices.bundles.items()}

    def test_tokens_and_waves_are_those_of_one_row_alone(
        self, opened: dict[str, OpenVoice], bundles: dict[str, Bundle]
    ) -> None:
        waves = []
        for name, voice in opened.items():
            tokens, phones = spoken(voice, 1), phones_of(voice.engine, 1)
            np.testing.assert_array_equal(tokens, alone(bundles[name], voice, 1))
            wave = voice.engine.decode(tokens, phones, voice.conditioning.ge, seed=3)
            expected = EngineVoice(bundles[name]).decode(tokens, phones, voice.conditioning.ge, seed=3)
            assert np.abs(wave - expected).max() < self.tolerance
            waves.append(wave)
        assert np.abs(waves[0] - waves[2]).max() > 100 * TOLERANCE, "voices differ by their decoder"

    def test_a_prompt_gives_the_same_conditioning_and_the_same_words_after_it(
        self, opened: dict[str, OpenVoice], bundles: dict[str, Bundle]
    ) -> None:
        here, there = EngineVoice(bundles["tiny"]), opened["tiny"].engine
        prompt = recorded_prompt(GOLDEN)
        expected, found = here.prepare(prompt), there.prepare(prompt)
        np.testing.assert_array_equal(found.codes, expected.codes)
        np.testing.assert_allclose(found.ge, expected.ge, atol=self.tolerance)
        assert len(found.codes)
        phones = phones_of(here, 5)
        tokens = [one.generate_tokens(phones, None, expected, manner_of(5)) for one in (here, there)]
        np.testing.assert_array_equal(tokens[0], tokens[1])

    def test_eight_at_once_of_all_voices_never_mix(
        self, opened: dict[str, OpenVoice], bundles: dict[str, Bundle]
    ) -> None:
        names = [list(opened)[number % len(opened)] for number in range(24)]
        expected = [alone(bundles[name], opened[name], number).tolist() for number, name in enumerate(names)]
        assert len(set(map(tuple, expected))) == len(expected)

        def said(number: int) -> list[int]:
            return [int(token) for token in spoken(opened[names[number]], number)]

        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(said, range(24))) == expected

    def test_streamed_sounds_at_once_never_mix(self, opened: dict[str, OpenVoice], bundles: dict[str, Bundle]) -> None:
        names = [list(opened)[number % len(opened)] for number in range(8)]
        expected = []
        for number, name in enumerate(names):
            here = OpenVoice(EngineVoice(bundles[name]), opened[name].conditioning, Sampling(), {})
            expected.append(sound(here, number))
        with ThreadPoolExecutor(8) as pool:
            heard = list(pool.map(lambda number: sound(opened[names[number]], number), range(8)))
        for one, other in zip(heard, expected, strict=True):
            assert np.abs(one - other).max() < self.tolerance

    def test_many_sentences_of_one_call_are_those_of_many_calls(self, opened: dict[str, OpenVoice]) -> None:
        voice = opened["nano-0"]
        rows = [phones_of(voice.engine, number) for number in range(6)]
        sampling = Sampling(seed=40, early_stop=LIMIT)
        together = voice.engine.generate_many(rows, [None] * 6, voice.conditioning, sampling)
        for number, row in enumerate(rows):
            single = Sampling(seed=40 + number, early_stop=LIMIT)
            by_itself = voice.engine.generate_tokens(row, None, voice.conditioning, single)
            np.testing.assert_array_equal(together[number], by_itself)

    def test_a_stream_says_the_same_and_closing_it_ends_the_work(
        self, opened: dict[str, OpenVoice], work: WorkOf
    ) -> None:
        voice = opened["nano-0"]
        np.testing.assert_array_equal(streamed(voice, 3), spoken(voice, 3))
        phones, before = phones_of(voice.engine, 9, length=400), work(voice)
        stream = voice.engine.stream_tokens(phones, None, voice.conditioning, Sampling(seed=9))
        first = [next(stream) for _ in range(5)]
        stream.close()  # type: ignore[attr-defined]
        after = until(lambda: now if (now := work(voice)).cancelled > before.cancelled else None)
        whole = list(voice.engine.stream_tokens(phones, None, voice.conditioning, Sampling(seed=9)))
        assert whole[:5] == first
        assert after.tokens - before.tokens < len(whole) / 2

    def test_what_does_not_fit_is_refused_and_others_go_on(self, opened: dict[str, OpenVoice]) -> None:
        voice = opened["nano-0"]
        with pytest.raises(BrokenVoice, match="do not belong together"):
            voice.engine.quantise(np.zeros((1, 3, 20), np.float32))
        stranger = Utterance(np.full(5, 10**6), None, np.zeros(0, np.int64), Sampling(seed=1))
        with ThreadPoolExecutor(2) as pool:
            fitting = pool.submit(spoken, voice, 2)
            with pytest.raises(VoiceError, match="do not belong together"):
                list(voice.engine._engine.stage1.start(stranger))
            assert len(fitting.result())
        with pytest.raises(MissingInput):
            voice.engine.generate_tokens(np.full(3, 10**6), None, voice.conditioning, Sampling())

    def test_voices_that_share_graphs_are_counted_once(self, shelf: Shelf, opened: dict[str, OpenVoice]) -> None:
        sizes = [dict(place.opened.sizes) for place in shelf._places.values() if place.opened]
        assert shelf.loaded < sum(sum(size.values()) for size in sizes)
        nano = [size for size in sizes if len(size.keys() & sizes[0].keys()) > 2]
        shared = set.intersection(*(set(size) for size in nano))
        assert shared
        assert shelf.loaded == sum({key: size for one in sizes for key, size in one.items()}.values())


class InProcessContract(InferenceContract):
    """The same of onnxruntime in this process, whatever it computes on."""

    @pytest.fixture
    def work(self) -> WorkOf:
        def of(opened: OpenVoice) -> Work:
            done = opened.engine._engine.stage1.statistics  # type: ignore[attr-defined]
            return Work(done.tokens, done.cancelled)

        return of


class ShelfContract:
    """What the shelf promises of a small memory."""

    @pytest.fixture
    def small(self, engines: Engines, voices: Voices, tmp_path: Path) -> Iterator[Shelf]:
        """Room for one nano voice and one more decoder."""
        files = {file.path: file.size for file in voices.stored["nano-0"].bundle if file.path.endswith(".onnx")}
        room = sum(files.values()) + files["s2.onnx"] + 1000
        bases = BaseRegistry(tmp_path / "bases")
        with closing(Shelf(voices.objects, bases, tmp_path / "voices", engines, room)) as shelf:
            yield shelf

    def test_the_least_recently_used_leaves_and_comes_back(self, small: Shelf, voices: Voices) -> None:
        said = spoken(small.get(voices.stored["nano-0"]), 1)
        small.get(voices.stored["nano-1"])
        assert small.voices == ["nano-0", "nano-1"]
        small.get(voices.stored["nano-0"])
        small.get(voices.stored["nano-2"])
        assert small.voices == ["nano-0", "nano-2"]
        assert small.loaded <= small._memory
        small.get(voices.stored["nano-1"])
        assert small.voices == ["nano-2", "nano-1"]
        np.testing.assert_array_equal(spoken(small.get(voices.stored["nano-0"]), 1), said)

    def test_one_in_use_never_leaves(self, small: Shelf, voices: Voices) -> None:
        held = small.get(voices.stored["nano-0"])
        for name in ("nano-1", "nano-2", "nano-1"):
            small.get(voices.stored[name])
            assert "nano-0" in small.voices
        assert len(spoken(held, 1))
        del held
        small.get(voices.stored["nano-1"])
        small.get(voices.stored["nano-2"])
        assert "nano-0" not in small.voices

    def test_others_speak_while_one_is_opened(self, engines: Engines, voices: Voices, tmp_path: Path) -> None:
        slow, opening = threading.Event(), threading.Event()

        class Slow:
            """Opens the second voice when it is told to."""

            opened = 0

            def open(self, folder: Path) -> Opened:
                self.opened += 1
                if self.opened == 2:
                    opening.set()
                    assert slow.wait(PATIENCE)
                return engines.open(folder)

        own = Slow()
        shelf = Shelf(voices.objects, BaseRegistry(tmp_path / "bases"), tmp_path / "voices", own)
        first = shelf.get(voices.stored["nano-0"])
        with ThreadPoolExecutor(3) as pool:
            waiting = [pool.submit(shelf.get, voices.stored["nano-1"]) for _ in range(2)]
            assert opening.wait(PATIENCE)
            assert len(spoken(first, 1))
            assert shelf.get(voices.stored["nano-0"]).engine is first.engine
            assert not any(one.done() for one in waiting)
            slow.set()
            both = [one.result(PATIENCE) for one in waiting]
        assert both[0].engine is both[1].engine is not first.engine
        assert own.opened == 2
        shelf.close()

    def test_a_voice_that_cannot_speak_leaves_nothing(self, small: Shelf, voices: Voices) -> None:
        mute = replace(voices.stored["nano-0"], not_auditionable="No exporter here.")
        with pytest.raises(Unprocessable, match="No exporter"):
            small.get(mute)
        assert small.voices == []
        assert not list(small._folder.iterdir())


def until(look: Callable[[], T | None]) -> T:
    """What `look` finds at last."""
    deadline = time.monotonic() + PATIENCE
    while (found := look()) is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found
