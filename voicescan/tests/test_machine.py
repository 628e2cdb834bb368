"""The abstract interpreter: honest values, findings with their offsets, and agreement with the real unpickler."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicescan import scan_bytes
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


_RUNS = b"cposix\nsystem\nS'true'\n\x85R."


@pytest.mark.parametrize(
    "number",
    [b"I 5\n", b"I0x5\n", b"I010\n", b"I+1\n", b"I5\x00j\n", b"L5_0L\n", b"F1\x00x\n", b"I" + b"1" * 300 + b"\n"],
)
def test_what_unpicklers_read_on_behind_is_read_on_behind(number: bytes) -> None:
    assert pickle.loads(number + b"0N.") is None
    assert "pickle-call" in {finding.rule for finding in read_one(number + b"0" + _RUNS, "p").findings}


@pytest.mark.parametrize("front", [b"I 5\n0", b"N" * 250_001, b"]" * 50_001])
@pytest.mark.parametrize("name", ["readme.txt", "card.yaml"])
def test_no_text_is_a_pickle(front: bytes, name: str) -> None:
    pickled = front + b"cposix\nsystem\n(S'true'\ntR."
    assert scan_bytes(pickled, name).verdict != "clean"


@pytest.mark.parametrize("front", [b"I 5\n0", b"N" * 250_001, b"X\x00\x00\x10\x01" + bytes(17 << 20)])
def test_no_file_of_arrays_is_a_pickle(front: bytes) -> None:
    """Its length is read as the opcode of a short text, which leads from text to text to behind the header."""
    data = front + _RUNS
    begin = b'{"__metadata__":{"x":"'
    end = b'"},"a":{"dtype":"U8","shape":[%d],"data_offsets":[0,%d]}}' % (len(data), len(data))
    jump = 72
    size = 0x55 + 256 * jump
    text = bytearray(b"y" * (size - len(begin) - len(end)))
    at = 2 + jump - 8 - len(begin)
    while (left := len(text) + len(end) - at - 2) > 126:
        text[at : at + 2] = b"Ud"
        at += 102
    text[at : at + 2] = b"U" + bytes([left])
    report = scan_bytes(size.to_bytes(8, "little") + begin + text + end + data, "voice.ckpt")
    assert report.format == "safetensors"
    assert {finding.rule for finding in report.findings} & {"pickle-hidden", "pickle-too-large"}


def test_numbers_do_not_look_like_hidden_pickles() -> None:
    import numpy as np

    random = np.random.default_rng(0)
    for _ in range(2000):
        assert hides_pickle(random.normal(0, 0.02, 64).astype(np.float16).tobytes()) is None
    assert hides_pickle(b"cposix\nsystem\n") == "posix.system"


@pytest.mark.parametrize("front", [b"", b"\n\x00", b"cc\n", b"system\n", b"c" * 70_000 + b"!"])
def test_a_name_is_found_whatever_stands_before_it(front: bytes) -> None:
    assert hides_pickle_within(memoryview(b"\x00" + front + b"cposix\nsystem\n" + bytes(9))) == "posix.system"
