from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest
import zstandard
from blake3 import blake3
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from gptsovits.formats.delta import DeltaError, decode, encode, read_header, supports
from gptsovits.formats.delta import streams as codec
from gptsovits.formats.delta.layout import MAGIC, PART, Header
from gptsovits.formats.delta.words import BY_CODE, WORDS, folded, ordered, unfolded, unordered

SIZES = {"float16": "<u2", "float32": "<u4", "bfloat16": "<u2"}


def _tuned(count: int, dtype: str, step: float, seed: int = 0) -> tuple[bytes, bytes]:
    draw = np.random.default_rng(seed)
    base = (draw.standard_normal(count) * 0.05).astype(dtype)
    return base.tobytes(), (base + step * draw.standard_normal(count)).astype(dtype).tobytes()


@pytest.mark.parametrize("dtype", ["float16", "float32", "bfloat16"])
def test_every_word_survives_the_mapping_and_order_is_kept(dtype: str) -> None:
    word = WORDS[dtype]
    values = np.arange(1 << 16, dtype=np.uint32).astype(word.unsigned)
    values = values if word.bytes == 2 else (values << np.uint32(16)) | np.uint32(77)
    np.testing.assert_array_equal(unordered(ordered(values, word), word), values)
    np.testing.assert_array_equal(unfolded(folded(values, word), word), values)
    if dtype == "float16":
        floats = values.view(np.float16)
        known = floats[np.isfinite(floats) & (floats != 0)]
        order = ordered(known.view("<u2"), word)
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
    base, result = _tuned(20_000, "float16", 1e-3)
    delta = encode(base, result, "float16")
    draw = np.random.default_rng(3)
    places = [*range(140), *draw.integers(0, len(delta), 300).tolist()]
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
    upper = codec._HEAD.pack(codec.ZSTD, 8, len(bomb)) + bomb
    head = Header(BY_CODE[0], 1000, blake3(base).hexdigest(), "0" * 64, ()).write()
    tracemalloc.start()
    with pytest.raises(DeltaError, match="another size"):
        decode(head + PART.pack(0, 8, 0) + upper, base)
    huge = Header(BY_CODE[0], 1 << 60, blake3(base).hexdigest(), "0" * 64, ()).write()
    with pytest.raises(DeltaError, match="another tensor"):
        decode(huge, base)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20


def test_a_newer_version_says_so() -> None:
    base, result = _tuned(100, "float16", 1e-3)
    with pytest.raises(DeltaError, match="newer"):
        decode(encode(base, result, "float16").replace(MAGIC, b"VHDELTA2"), base)


@pytest.mark.parametrize("width", [1, 2, 4, 8])
@pytest.mark.parametrize("count", [0, 1, 7, 8, 1001])
def test_packed_values_come_back(width: int, count: int) -> None:
    values: NDArray[Any] = np.random.default_rng(count).integers(0, 1 << width, count).astype(np.uint8)
    np.testing.assert_array_equal(codec.unpack(codec.pack(values, width), width, count), values)
