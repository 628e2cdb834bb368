from __future__ import annotations

import base64
import tracemalloc
from typing import Any

import numpy as np
import pytest
import zstandard
from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from gptsovits.formats.delta import DeltaError, coarse, decode, encode, read_header, streams, supports, worth
from gptsovits.formats.delta.layout import MAGIC, PART, Header
from gptsovits.formats.delta.planes import pack, packed_size, unpack
from gptsovits.formats.delta.words import BY_CODE, WORDS, folded, ordered, unfolded

SIZES = {"float16": "<u2", "float32": "<u4", "bfloat16": "<u2"}


OF_FIRST_FORM = (
    "R!BreOjJQJ00L+b00000007kXhUiY}avx9-;(_Mq3Im`CB;bK;wwMqR5QN?9#qA~B%^d_s%ef(CQ(O1B0~h__kqgZoDg1NzHnNn*4mt`81qc8D"
    "00039C;$Ke00j#W791fbEiyPgLrG3lT3=;qaCUovhm4Y!oujC(w7I{;%Fxx@K*&JIK*&JIK*&JIK*&JIK*&JIT3T9KS^xk50000000000000OA"
    "000022si)$04TLD{a_#mbpZhAQB_%8VF3jR4G|R?9U&ztEipAYJwZiDP5%M^0R;d%KqUaY<)C5!6cMvJ#{dxk00000CjbBd00062000020u=xN"
    "04TLD{a^?IT>t<e000020RRE691#Ej0000000000000"
)
"""Written by the program that made the first form: groups, lower bits, escapes, packed small values."""


def _tuned(count: int, dtype: str, step: float, seed: int = 0) -> tuple[bytes, bytes]:
    draw = np.random.default_rng(seed)
    base = (draw.standard_normal(count) * 0.05).astype(dtype)
    return base.tobytes(), (base + step * draw.standard_normal(count)).astype(dtype).tobytes()


def _trained(shape: tuple[int, int], dtype: str, seed: int = 0) -> tuple[bytes, bytes]:
    """A matrix that moved along four directions, and a little in all others; bfloat16 as its upper halves."""
    draw = np.random.default_rng(seed)
    base = (draw.standard_normal(shape) * 0.05).astype(np.float32)
    moves = draw.standard_normal((shape[0], 4)) @ draw.standard_normal((4, shape[1])) + draw.standard_normal(shape) / 4
    pair = base, base + 5e-4 * moves.astype(np.float32)
    if dtype == "bfloat16":
        return pair[0].view(np.uint16)[:, 1::2].tobytes(), pair[1].view(np.uint16)[:, 1::2].tobytes()
    return pair[0].astype(dtype).tobytes(), pair[1].astype(dtype).tobytes()


@pytest.mark.parametrize("dtype", ["float16", "float32", "bfloat16"])
def test_every_word_survives_the_mapping_and_order_is_kept(dtype: str) -> None:
    word = WORDS[dtype]
    values = np.arange(1 << 16, dtype=np.uint32).astype(word.unsigned)
    values = values if word.bytes == 2 else (values << np.uint32(16)) | np.uint32(77)
    np.testing.assert_array_equal(ordered(ordered(values, word), word), values)
    np.testing.assert_array_equal(unfolded(folded(values, word)), values)
    if dtype == "float16":
        floats = values.view(np.float16)
        known = floats[np.isfinite(floats) & (floats != 0)]
        order = ordered(known.view("<u2"), word).view("<i2")
        assert (np.argsort(order, kind="stable") == np.argsort(known, kind="stable")).all()


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(sorted(SIZES)), st.integers(0, 3000), st.integers(0, 2**32 - 1), st.sampled_from([0, 1, 40, 2**31])
)  # fmt: skip
def test_any_bits_come_back(dtype: str, count: int, seed: int, spread: int) -> None:
    """NaN, infinities and subnormals included; near to and far from the base."""
    draw = np.random.default_rng(seed)
    kind = np.dtype(SIZES[dtype])
    base = draw.integers(0, np.iinfo(kind).max, count, dtype=kind, endpoint=True)
    result = base + draw.integers(0, spread + 1, count).astype(kind)
    delta = encode(base.tobytes(), result.tobytes(), dtype)
    assert bytes(decode(delta, base.tobytes())) == result.tobytes()
    assert delta == encode(base.tobytes(), result.tobytes(), dtype)


@pytest.mark.parametrize(
    ("dtype", "step", "most"), [("float16", 5e-5, 0.34), ("float16", 5e-4, 0.56), ("float32", 5e-5, 0.60)]
)
def test_a_fine_tune_is_smaller_than_other_ways_make_it(dtype: str, step: float, most: float) -> None:
    base, result = _tuned(300_000, dtype, step)
    delta = encode(base, result, dtype)
    patch = zstandard.ZstdCompressor(level=19, dict_data=zstandard.ZstdCompressionDict(base)).compress(result)
    assert len(delta) < most * len(result)
    assert len(delta) < 0.7 * len(patch)
    assert bytes(decode(delta, base)) == result


@pytest.mark.parametrize(("dtype", "gain"), [("float16", 0.92), ("float32", 0.95), ("bfloat16", 0.9)])
def test_a_matrix_that_moved_along_few_directions_is_predicted(dtype: str, gain: float) -> None:
    base, result = _trained((160, 192), dtype)
    plain, predicted = encode(base, result, dtype), encode(base, result, dtype, (160, 192))
    assert read_header(plain).rank == 0
    assert 0 < read_header(predicted).rank <= 16
    assert len(predicted) < gain * len(plain)
    assert bytes(decode(predicted, base)) == result
    shaped = encode(base, result, dtype, (160, 8, 24))  # a kernel of a convolution is a matrix of its outputs
    assert shaped == predicted


def test_what_gains_nothing_from_a_prediction_has_none() -> None:
    base, result = _tuned(160 * 192, "float16", 1e-3)
    assert read_header(encode(base, result, "float16", (160, 192))).rank == 0
    wild = np.frombuffer(result, "<u2").copy()
    wild[::7] = 0x7E01
    wild[1::7] = 0xFC00
    delta = encode(base, wild.tobytes(), "float16", (160, 192))
    assert bytes(decode(delta, base)) == wild.tobytes()


@settings(max_examples=20, deadline=None)
@given(st.sampled_from(sorted(SIZES)), st.integers(0, 2**32 - 1))
def test_any_old_bits_can_be_predicted_from(dtype: str, seed: int) -> None:
    """Whatever the old values are (NaN, infinities, zeros), what the encoder predicts the decoder predicts too."""
    shape = (96, 128)
    base, result = (np.frombuffer(side, SIZES[dtype]).copy() for side in _trained(shape, dtype, seed % 1000))
    draw = np.random.default_rng(seed)
    places = draw.integers(0, base.size, 200)
    base[places] = result[places] = draw.integers(0, np.iinfo(base.dtype).max, 200, dtype=base.dtype, endpoint=True)
    delta = encode(base.tobytes(), result.tobytes(), dtype, shape)
    assert bytes(decode(delta, base.tobytes())) == result.tobytes()


def test_the_first_form_is_still_read() -> None:
    at = np.arange(4200, dtype="<u2")
    base = np.select([at < 40, at % 2 == 0], [0x1000 + at, 0x2C00 + at % 8], 0xA800 + at % 8).astype("<u2")
    moves = np.select([at < 40, at % 2 == 0], [at * 90, at % 32 == 0], at % 50)
    moves[[1001, 3001]] += 5000
    delta = base64.b85decode(OF_FIRST_FORM)
    assert bytes(decode(delta, base.tobytes())) == (base + moves).astype("<u2").tobytes()
    with pytest.raises(DeltaError, match="another tensor"):
        decode(delta, bytes(2 * 4200))
    for place in range(len(delta)):
        with pytest.raises(DeltaError):
            decode(delta[:place], base.tobytes())


def test_a_delta_is_worth_keeping_if_it_saves_a_tenth_and_more_than_its_name() -> None:
    assert worth(90_000, 100_000)
    assert not worth(90_001, 100_000)
    assert not worth(400, 900)
    assert not worth(0, 500)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_a_coarse_change_is_smaller_and_says_how_far_it_is_off(dtype: str) -> None:
    shape = (160, 192)
    base, result = _trained(shape, dtype)
    exact = len(encode(base, result, dtype, shape))
    made, lost = coarse(base, result, dtype, 0.1)
    old, new, near = (np.frombuffer(side, dtype).astype(np.float64) for side in (base, result, made))
    assert 0.02 < lost <= 0.1
    assert lost == pytest.approx(np.linalg.norm(near - new) / np.linalg.norm(new - old))
    delta = encode(base, made, dtype, shape)
    assert bytes(decode(delta, base)) == made
    assert len(delta) < 0.75 * exact
    assert read_header(delta).rank
    assert coarse(base, result, dtype, 1e-9) == (result, 0.0)
    assert coarse(base, base, dtype, 0.1) == (base, 0.0)


def test_what_is_no_number_stays_exact() -> None:
    base, result = _tuned(1000, "float16", 1e-3)
    broken = result[:-2] + b"\x01\x7e"
    assert coarse(base, broken, "float16", 0.5) == (broken, 0.0)
    huge = np.full(1000, 65504, "<f2")  # rounded up they would be infinite
    near, lost = coarse(np.full(1000, 60000, "<f2").tobytes(), huge.tobytes(), "float16", 0.9)
    assert np.isfinite(np.frombuffer(near, "<f2")).all()
    assert lost <= 0.9


def test_what_hardly_changed_costs_hardly_anything() -> None:
    base, _ = _tuned(100_000, "float16", 0)
    assert len(encode(base, base, "float16")) < 250
    few = bytearray(base)
    few[5000:5040] = bytes(40)
    assert len(encode(base, bytes(few), "float16")) < 1500


def test_the_head_says_what_it_is_for() -> None:
    base, result = _tuned(100, "float32", 1e-3)
    header = read_header(encode(base, result, "float32"))
    assert (header.count, header.base, header.result) == (100, blake3(base).hexdigest(), blake3(result).hexdigest())


def test_other_types_and_sizes_have_no_delta() -> None:
    assert not supports("int64")
    for base, result, dtype in ((bytes(8), bytes(8), "int64"), (b"12", b"1234", "float16"), (b"1", b"2", "float16")):
        with pytest.raises(DeltaError):
            encode(base, result, dtype)


def test_another_base_is_refused() -> None:
    base, result = _tuned(5000, "float16", 1e-3)
    delta = encode(base, result, "float16")
    for wrong in (result, base[:-2], base + b"\0\0", b""):
        with pytest.raises(DeltaError, match="another tensor"):
            decode(delta, wrong)


def test_a_damaged_delta_makes_the_right_tensor_or_none() -> None:
    base, result = _trained((120, 160), "float16")
    delta = encode(base, result, "float16", (120, 160))
    assert read_header(delta).rank
    draw = np.random.default_rng(3)
    places = [*range(190), *draw.integers(0, len(delta), 300).tolist()]
    for place in places:
        damaged = bytearray(delta)
        damaged[place] ^= 1 << int(draw.integers(8))
        try:
            made = bytes(decode(bytes(damaged), base))
        except DeltaError:
            continue
        assert made == result  # a bit without meaning, such as the value of an empty stream
    for cut in [*range(100), *draw.integers(0, len(delta), 60).tolist()]:
        with pytest.raises(DeltaError):
            decode(delta[:cut], base)
    with pytest.raises(DeltaError, match="more of it"):
        decode(delta + b"\0", base)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_one_clear_error(data: bytes) -> None:
    base = bytes(64)
    honest = Header(BY_CODE[0], 32, blake3(base).hexdigest(), "0" * 64, ()).write()
    for hostile in (data, MAGIC + data, honest + data):
        with pytest.raises(DeltaError):
            decode(hostile, base)


def test_a_bomb_is_refused_before_anything_is_allocated() -> None:
    base = bytes(2000)
    bomb = zstandard.ZstdCompressor().compress(bytes(1 << 30))
    upper = streams.HEAD.pack(streams.ZSTD, 0, len(bomb)) + bomb
    head = Header(BY_CODE[0], 1000, blake3(base).hexdigest(), "0" * 64, ()).write()
    tracemalloc.start()
    with pytest.raises(DeltaError, match="another size"):
        decode(head + PART.pack(0, 8, 1000, 0) + upper, base)
    huge = Header(BY_CODE[0], 1 << 60, blake3(base).hexdigest(), "0" * 64, ()).write()
    with pytest.raises(DeltaError, match="another tensor"):
        decode(huge, base)
    for columns, rank in ((1000, 1), (7, 1), (50, 16), (0, 1), (50, 200)):
        greedy = Header(BY_CODE[0], 1000, blake3(base).hexdigest(), "0" * 64, (), rank, columns=columns).write()
        with pytest.raises(DeltaError, match="prediction"):
            decode(greedy + PART.pack(0, 8, 1000, 0), base)
    for scale in (-128, 127):
        factors = streams.write([np.ones(20 + 50, np.uint8)])
        far = Header(BY_CODE[0], 1000, blake3(base).hexdigest(), "0" * 64, (), 1, scale, columns=50).write() + factors
        with pytest.raises(DeltaError):
            decode(far + PART.pack(0, 8, 1000, 0) + streams.write([np.ones(1000, np.uint8)]), base)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20


def test_a_newer_version_says_so() -> None:
    base, result = _tuned(100, "float16", 1e-3)
    with pytest.raises(DeltaError, match="newer"):
        decode(encode(base, result, "float16").replace(MAGIC, b"VHDELTA3"), base)


@pytest.mark.parametrize("width", [1, 2, 4, 8])
@pytest.mark.parametrize("count", [0, 1, 7, 8, 1001])
def test_packed_values_come_back(width: int, count: int) -> None:
    values: NDArray[Any] = np.random.default_rng(count).integers(0, 1 << width, count).astype(np.uint8)
    packed = pack(values, width)
    assert packed.size == packed_size(count, width)
    np.testing.assert_array_equal(unpack(packed, width, count), values)
