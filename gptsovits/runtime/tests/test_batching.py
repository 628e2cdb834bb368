"""Sentences that join and leave a running batch at any time say exactly what each says alone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gptsovits.errors import BrokenVoice
from gptsovits.runtime import stage1
from gptsovits.runtime.batching import ContinuousBatcher
from gptsovits.runtime.bundle import Bundle
from gptsovits.runtime.engine import Running, Utterance
from gptsovits.runtime.generation import generate
from gptsovits.runtime.monotonic import MonotonicReading
from gptsovits.runtime.sampling import Floats, Sampling, seeded_race
from gptsovits.runtime.stage1 import started
from gptsovits.runtime.tests.conftest import BundleOf

V2 = "tiny_v2_e8_s128.pth"
TOLERANCE = 1e-4
PATIENCE = 60.0
MANNERS = (
    Sampling(early_stop=30),
    Sampling(early_stop=45, top_k=5, top_p=0.9),
    Sampling(early_stop=25, greedy=True),
    Sampling(early_stop=40, temperature=0.7, repetition_penalty=1.0),
)


@pytest.fixture(scope="module")
def bundle(bundle_of: BundleOf) -> Bundle:
    return Bundle.open(bundle_of(V2), 1, verify=False)


def utterance(bundle: Bundle, number: int) -> Utterance:
    """Sentences of many lengths after prompts of many lengths; every other one is read in the order of its classes."""
    draw = np.random.default_rng(number)
    phones, prompt = draw.integers(0, 700, draw.integers(3, 40)), draw.integers(0, 64, draw.integers(0, 12))
    bert = draw.standard_normal((bundle.facts.bert_dim, len(phones))).astype(np.float32)
    classes = draw.integers(0, (bundle.facts.eos - 2) // 2, 9) if number % 2 else None
    return Utterance(phones, bert, prompt, replace(MANNERS[number % len(MANNERS)], seed=number), classes)


def alone(bundle: Bundle, one: Utterance) -> list[int]:
    """The reference: one row, step by step."""
    assert one.bert is not None
    stepper, logits, prompts = started(bundle, [one.phones], [one.bert], one.prompt)
    reading = None if one.classes is None else MonotonicReading([one.classes], bundle.facts.eos)
    (found,) = generate(stepper, logits, prompts, bundle.facts.eos, one.sampling, reading=reading)
    return [int(token) for token in found.tokens[len(one.prompt) :]]


def at_step(one: Utterance, events: dict[int, Callable[[], None]]) -> Utterance:
    """The same sentence; while it runs, `events` happen at its steps."""
    draw = seeded_race(one.sampling.seed)

    def race(step: int, shape: tuple[int, ...]) -> Floats:
        events.pop(step, lambda: None)()
        return draw(step, shape)

    return replace(one, race=race)


@given(st.lists(st.integers(1, 20), min_size=0, max_size=7), st.integers(0, 50))
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_rows_that_join_at_any_step_say_what_they_say_alone(bundle: Bundle, joins: list[int], first: int) -> None:
    batcher = ContinuousBatcher(bundle.graphs["s1_prefill"], bundle.graphs["s1_step"], bundle.facts.eos)
    sentences = [utterance(bundle, 4 * first + number) for number in range(len(joins) + 1)]
    found: dict[int, Running] = {}
    events: dict[int, Callable[[], None]] = {}
    for number, step in enumerate(joins, 1):
        before = events.get(step, lambda: None)

        def join(number: int = number, before: Callable[[], None] = before) -> None:
            before()
            found[number] = batcher.start(sentences[number])

        events[step] = join
    found[0] = batcher.start(at_step(sentences[0], events))
    said = {0: list(found[0])}
    for number in [number for number in range(1, len(sentences)) if number in found]:
        said[number] = list(found[number])
    assert said == {number: alone(bundle, sentences[number]) for number in said}
    assert batcher.statistics.started == batcher.statistics.ended == len(said)


def test_eight_at_once_take_the_steps_of_the_longest(bundle: Bundle) -> None:
    batcher = ContinuousBatcher(bundle.graphs["s1_prefill"], bundle.graphs["s1_step"], bundle.facts.eos)
    sentences = [utterance(bundle, number) for number in range(8)]
    rest: list[Running] = []
    first = at_step(sentences[0], {0: lambda: rest.extend(batcher.start(one) for one in sentences[1:])})
    lengths = [len(list(batcher.start(first))), *(len(list(one)) for one in rest)]
    assert lengths == [len(alone(bundle, one)) for one in sentences]
    assert len(set(map(tuple, (alone(bundle, one) for one in sentences)))) == 8
    assert batcher.statistics.most_running == 8
    assert batcher.statistics.steps <= max(lengths) + 1
    assert batcher.statistics.tokens >= sum(lengths) - 8


def test_who_goes_leaves_at_the_next_step_and_the_others_do_not_notice(bundle: Bundle) -> None:
    batcher = bundle.stage1
    stays, goes = utterance(bundle, 0), utterance(bundle, 4)
    before, seen = batcher.statistics, []
    running: list[Running] = []
    events = {
        0: lambda: running.append(batcher.start(goes)),
        9: lambda: running[0].close(),
        11: lambda: seen.append(batcher.statistics.running),
    }
    assert list(batcher.start(at_step(stays, events))) == alone(bundle, stays)
    assert seen == [1]
    assert batcher.statistics.cancelled - before.cancelled == 1
    spent = batcher.statistics.tokens - before.tokens
    assert len(alone(bundle, stays)) + 7 <= spent <= len(alone(bundle, stays)) + 10 < len(alone(bundle, goes)) * 2


def test_a_sentence_that_does_not_fit_fails_alone(bundle: Bundle) -> None:
    fits, other = utterance(bundle, 0), utterance(bundle, 1)
    broken = replace(other, phones=np.full_like(other.phones, 9999))
    failed: list[Running] = []
    found = bundle.stage1.start(at_step(fits, {3: lambda: failed.append(bundle.stage1.start(broken))}))
    assert list(found) == alone(bundle, fits)
    with pytest.raises(BrokenVoice, match="do not belong together"):
        list(failed[0])


@pytest.mark.parametrize("at", ["who goes", "who comes", "who ends"])
def test_memory_that_lacks_once_ends_who_speaks_now_and_nobody_after(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    batcher = ContinuousBatcher(bundle.graphs["s1_prefill"], bundle.graphs["s1_step"], bundle.facts.eos)
    stays, other, real, lacking = utterance(bundle, 1), utterance(bundle, 2), stage1._gathered, [False]
    other = replace(other, sampling=replace(other.sampling, early_stop=8 if at == "who ends" else 40))

    def gathered(parts: Sequence[stage1._Cache]) -> stage1._Cache:
        rows = sum(len(part.padding) for part in parts)
        if lacking[0] and (len(parts), rows) == ((2, 2) if at == "who comes" else (1, 1)):
            lacking[0] = False
            raise MemoryError(at)
        return real(parts)

    monkeypatch.setattr(stage1, "_gathered", gathered)
    running: list[Running] = []

    def joins() -> None:
        running.append(batcher.start(other))
        lacking[0] = at == "who comes"

    def goes() -> None:
        lacking[0] = at != "who comes"
        if at == "who goes":
            running[0].close()

    with pytest.raises(MemoryError, match=at):
        list(batcher.start(at_step(stays, {2: joins, 6: goes})))
    assert lacking == [False]
    assert list(batcher.start(stays)) == alone(bundle, stays)
    if at == "who ends":
        assert list(running[0]) == alone(bundle, other)


def test_more_than_fit_wait_for_their_turn(bundle: Bundle) -> None:
    sentences = [replace(utterance(bundle, number), whole=True) for number in range(40)]
    running = [bundle.stage1.start(one) for one in sentences]
    assert [list(one) for one in running] == [alone(bundle, one) for one in sentences]
    assert bundle.stage1.statistics.most_running <= 16


def test_graphs_with_one_position_for_all_rows_are_never_given_two(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = bundle.graphs["s1_step"]
    monkeypatch.setitem(step.shapes, "position", [1])
    batcher = ContinuousBatcher(bundle.graphs["s1_prefill"], step, bundle.facts.eos)
    sentences = [utterance(bundle, number) for number in range(6)]
    later: list[Running] = []
    first = at_step(sentences[0], {2: lambda: later.extend(batcher.start(one) for one in sentences[1:])})
    said = [list(batcher.start(first)), *(list(one) for one in later)]
    assert said == [alone(bundle, one) for one in sentences]


@given(st.lists(st.integers(0, 6), min_size=1, max_size=4), st.integers(0, 999))
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_logits_of_late_rows_are_those_of_a_row_alone(bundle: Bundle, delays: list[int], seed: int) -> None:
    """What is left is the order of sums in matrices of other sizes."""
    draw = np.random.default_rng(seed)
    sentences = [utterance(bundle, seed + number) for number in range(len(delays))]
    said = draw.integers(0, 64, (len(delays), 12))
    rows: list[int] = []
    batch = None
    for step in range(12):
        for row in [row for row, delay in enumerate(delays) if delay == step]:
            bert = sentences[row].bert
            assert bert is not None
            mine, _, _ = started(bundle, [sentences[row].phones], [bert], sentences[row].prompt)
            batch = mine if batch is None else batch
            if mine is not batch:
                batch.join([mine])
            rows.append(row)
        if batch is not None:
            done = [step - delays[row] for row in rows]
            tokens = np.array([said[row, n] for row, n in zip(rows, done, strict=True)])
            places = np.array([len(sentences[row].prompt) + n for row, n in zip(rows, done, strict=True)])
            logits = batch.step(tokens, places)
    for place, row in enumerate(rows):
        bert = sentences[row].bert
        assert bert is not None
        prompt = np.concatenate((sentences[row].prompt, said[row, : 12 - delays[row]]))
        _, whole, _ = started(bundle, [sentences[row].phones], [bert], prompt)
        assert np.abs(whole[0] - logits[place]).max() < TOLERANCE


def test_the_thread_ends_with_the_work(bundle: Bundle) -> None:
    list(bundle.stage1.start(utterance(bundle, 2)))
    for thread in [thread for thread in threading.enumerate() if thread.name == "stage1"]:
        thread.join(PATIENCE)
        assert not thread.is_alive()


@pytest.mark.parametrize(
    "wrong",
    [{"temperature": float("nan")}, {"temperature": float("inf")}, {"repetition_penalty": float("nan")}, {"seed": -1}],
)
def test_a_sampling_that_chooses_nothing_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"temperature|seed is 0 or more"):
        Sampling(**wrong)
