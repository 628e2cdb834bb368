"""Phone times become tokens in order, and every phone is heard."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gptsovits.nano.phones import TOKEN_CLASSES, TOKEN_COUNT, classes_of_ids, token_classes
from gptsovits.nano.timing import CrowdedError, stretch_of_tokens, tokens_of_stretches, without_gaps
from gptsovits.text.symbols import V2, phone_ids


def _times(*ends: float) -> np.ndarray:
    return np.array(ends, np.float32)


def test_a_token_tells_its_phone_and_whether_it_begins() -> None:
    stretches = stretch_of_tokens(["", "K", "AE1", ""], _times(0.08, 0.16, 0.28, 0.32), 8)
    assert stretches.tolist() == [0, 0, 1, 1, 2, 2, 2, 3]
    k, ae = TOKEN_CLASSES["K"], TOKEN_CLASSES["AE1"]
    assert tokens_of_stretches(["", "K", "AE1", ""], stretches).tolist() == [
        0, 1, 2 * k, 2 * k + 1, 2 * ae, 2 * ae + 1, 2 * ae + 1, 0,
    ]  # fmt: skip


def test_the_same_phone_twice_begins_twice() -> None:
    s = TOKEN_CLASSES["S"]
    stretches = stretch_of_tokens(["S", "S"], _times(0.08, 0.16), 4)
    assert tokens_of_stretches(["S", "S"], stretches).tolist() == [2 * s, 2 * s + 1, 2 * s, 2 * s + 1]


@given(st.lists(st.floats(0.001, 0.3), min_size=1, max_size=30), st.integers(0, 20))
def test_every_phone_gets_a_token_whenever_there_are_enough(lengths: list[float], more: int) -> None:
    ends = np.cumsum(np.array(lengths, np.float32))
    tokens = len(lengths) + more
    stretches = stretch_of_tokens(["T"] * len(lengths), ends, tokens)
    assert len(stretches) == tokens
    assert np.array_equal(np.unique(stretches), np.arange(len(lengths)))
    assert (np.diff(stretches) >= 0).all()


def test_too_many_phones_for_the_time_are_refused() -> None:
    with pytest.raises(CrowdedError, match="3 phones"):
        stretch_of_tokens(["T", "T", "T"], _times(0.02, 0.04, 0.06), 2)


def test_short_gaps_between_phones_are_shared_and_pauses_stay() -> None:
    symbols, ends = without_gaps(["", "T", "", "AE1", "", "T", ""], _times(0.1, 0.2, 0.26, 0.4, 0.7, 0.8, 0.82))
    assert symbols == ["", "T", "AE1", "", "T", ""]
    assert np.allclose(ends, [0.1, 0.23, 0.4, 0.7, 0.8, 0.82])


def test_vowels_keep_their_stress_and_marks_are_silent() -> None:
    stressed, weak, mark = token_classes(["AH1", "AH0", ","])
    assert len({int(stressed), int(weak), int(mark)}) == 3
    assert mark == 0
    assert token_classes(["AH2"])[0] == stressed


def test_classes_by_id_are_those_of_the_inventory() -> None:
    classes = classes_of_ids(len(V2))
    assert classes[phone_ids(["AE1"])[0]] == TOKEN_CLASSES["AE1"]
    assert classes[phone_ids(["."])[0]] == 0
    assert 2 * classes.max() + 2 == TOKEN_COUNT
