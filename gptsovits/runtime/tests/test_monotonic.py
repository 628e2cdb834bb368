"""A monotonic reading says every phone once and in order, whatever stage 1 thinks."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gptsovits.runtime.generation import generate
from gptsovits.runtime.monotonic import LONGEST_PAUSE, LONGEST_PHONE, MonotonicReading
from gptsovits.runtime.sampling import Floats, Sampling, Tokens

EOS = 20


class _Noise:
    """A stage 1 that knows nothing."""

    def __init__(self, rows: int, seed: int, scale: float) -> None:
        self.source, self.rows, self.scale = np.random.default_rng(seed), rows, scale

    def logits(self) -> Floats:
        return (self.source.standard_normal((self.rows, EOS + 1)) * self.scale).astype(np.float32)

    def step(self, tokens: Tokens, position: int) -> Floats:
        return self.logits()

    def keep(self, rows: np.ndarray) -> None:
        self.rows = int(rows.sum())


def _said(rows: list[list[int]], seed: int, scale: float = 3.0) -> list[list[int]]:
    network = _Noise(len(rows), seed, scale)
    reading = MonotonicReading([np.array(row) for row in rows], EOS)
    prompt = np.zeros((len(rows), 0), np.int64)
    found = generate(
        network, network.logits(), prompt, EOS, Sampling(repetition_penalty=1.0, seed=seed), reading=reading
    )
    assert not any(row.stopped_early for row in found)
    return [row.tokens.tolist() for row in found]


def _begun(tokens: list[int]) -> list[int]:
    return [token // 2 for token in tokens if token % 2 == 0 and token]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=12), min_size=1, max_size=3),
    st.integers(0, 999),
    st.sampled_from([0.1, 3.0, 30.0]),
)
def test_every_phone_once_in_order(rows: list[list[int]], seed: int, scale: float) -> None:
    for row, tokens in zip(rows, _said(rows, seed, scale), strict=True):
        assert _begun(tokens) == [number for number in row if number]


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 999))
def test_no_phone_and_no_inner_pause_lasts_for_ever(seed: int) -> None:
    (tokens,) = _said([[1, 0, 2, 3]], seed)
    inner = tokens[tokens.index(2) : tokens.index(6)]
    runs = np.diff([at for at, token in enumerate(inner) if token % 2 == 0], append=len(inner))
    assert max(runs) <= max(LONGEST_PHONE, LONGEST_PAUSE)


def test_going_on_and_moving_share_what_stage_1_gives_to_any_phone() -> None:
    reading = MonotonicReading([np.array([3, 4])], EOS)
    reading.take(np.array([6]))
    logits = np.full((1, EOS + 1), -30.0, np.float32)
    logits[0, [5, 7, 10]] = np.log([0.2, 0.3, 0.5])
    weights = np.exp(reading.weigh(logits)[0])
    assert np.isclose(weights[7], 0.5)
    assert np.isclose(weights[8], 0.5)
    assert weights[[0, 1, 5, 6, 10, EOS]].max() == 0


def test_pauses_stand_only_where_marks_do() -> None:
    reading = MonotonicReading([np.array([3, 4, 0, 5])], EOS)
    flat = np.zeros((1, EOS + 1), np.float32)
    seen = []
    for token in (6, 8, 10):
        reading.take(np.array([token]))
        seen.append(bool(np.isfinite(reading.weigh(flat)[0, 0])))
    assert seen == [False, True, True]
