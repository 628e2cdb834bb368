"""The abstract interpreter: honest values, findings with their offsets, and agreement with the real unpickler."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicescan.findings import Place
from voicescan.pickles import hides_pickle, hides_pickle_within, read_one, read_whole
from voicescan.plain import Plainer

_PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 60), 1 << 60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(_PLAIN, st.integers(0, 5))
def test_plain_values_are_read_as_the_real_unpickler_reads_them(value: object, protocol: int) -> None:
    parsed = read_whole(pickle.dumps(value, protocol), "p")
    assert parsed.complete
    assert not parsed.findings
    try:
        text = repr(value).encode()
    except UnicodeEncodeError:
        return
    if b"\\ud" not in text:
        assert Plainer(Place("p")).convert(parsed.value) == value


def test_a_finding_points_at_the_opcode() -> None:
    stream = b"\x80\x02}q\x00cposix\nsystem\nX\x04\x00\x00\x00true\x85R0."
    rules = {finding.rule: finding.place.offset for finding in read_one(stream, "p").findings}
    assert rules == {"pickle-global": stream.index(b"cposix"), "pickle-call": stream.index(b"R0")}


def test_findings_behind_the_first_stop_are_placed_in_the_file() -> None:
    stream = pickle.dumps([1, 2]) + b"cposix\nsystem\n."
    offsets = [finding.place.offset for finding in read_whole(stream, "p").findings if finding.rule == "pickle-global"]
    assert offsets == [stream.index(b"cposix")]


@pytest.mark.parametrize("cut", range(1, 60))
def test_a_stream_that_is_cut_is_never_complete(cut: int) -> None:
    stream = pickle.dumps({"weight": {"a": [1, 2.5, "text"]}, "info": "x"}, 2)
    parsed = read_whole(stream[: min(cut, len(stream) - 1)], "p")
    assert not parsed.complete
    assert parsed.findings


def test_numbers_do_not_look_like_hidden_pickles() -> None:
    import numpy as np

    random = np.random.default_rng(0)
    for _ in range(2000):
        assert hides_pickle(random.normal(0, 0.02, 64).astype(np.float16).tobytes()) is None
    assert hides_pickle(b"cposix\nsystem\n") == "posix.system"


@pytest.mark.parametrize("front", [b"", b"\n\x00", b"cc\n", b"system\n", b"c" * 70_000 + b"!"])
def test_a_name_is_found_whatever_stands_before_it(front: bytes) -> None:
    assert hides_pickle_within(memoryview(b"\x00" + front + b"cposix\nsystem\n" + bytes(9))) == "posix.system"
