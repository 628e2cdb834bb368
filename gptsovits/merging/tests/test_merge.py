from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from gptsovits.merging import NotMergeable, Recipe, Strategy, Virtual, Voice, build, check, merge, plan_base
from gptsovits.merging.weightnorm import fold

Weights = dict[str, NDArray[Any]]
NORMED = ("s2/dec.ups.0.weight_g", "s2/dec.ups.0.weight_v")
NEWER = ("s2/dec.p.parametrizations.weight.original0", "s2/dec.p.parametrizations.weight.original1")
SHAPES = {
    "s1/model.h.layers.0.linear1.weight": (6, 5),
    "s2/enc_p.proj.bias": (7,),
    NORMED[0]: (4, 1, 1),
    NORMED[1]: (4, 3, 5),
    NEWER[0]: (3, 1),
    NEWER[1]: (3, 8),
    "s2/quantizer.vq.layers.0._codebook.embed": (5, 2),
}


def _voice(seed: int, dtype: Any = np.float16, **facts: Any) -> Voice:
    draw = np.random.default_rng(seed)
    tensors: Weights = {name: draw.standard_normal(shape).astype(dtype) for name, shape in SHAPES.items()}
    tensors["s2/steps"] = np.array([3], np.int64)
    return Voice(tensors, **facts)


def _moved(voice: Voice, seed: int, names: tuple[str, ...] = (), step: float = 0.05) -> Voice:
    """A fine-tune: real numbers outside the frozen parts move."""
    draw = np.random.default_rng(seed)
    tensors = dict(voice.tensors)
    for name, value in voice.tensors.items():
        if (not names or name in names) and "quantizer" not in name and value.dtype != np.int64:
            tensors[name] = (value + step * draw.standard_normal(value.shape)).astype(value.dtype)
    return replace(voice, tensors=tensors)


def _bytes(tensors: Mapping[str, NDArray[Any]]) -> dict[str, tuple[str, bytes]]:
    return {name: (str(value.dtype), value.tobytes()) for name, value in tensors.items()}


BASE = _voice(1)
EXPECTED = "0c2bd85c91ee35b487b0b2960d87365891382b7a1f8889edf71ad3a2b723a811"
STRATEGIES: tuple[Strategy, ...] = ("task", "ties", "linear", "slerp")
seeds = st.integers(0, 2**31)


@settings(max_examples=30, deadline=None)
@given(seeds, st.sampled_from(STRATEGIES), st.sampled_from([np.float16, np.float32, np.float64]))
def test_merged_with_itself_a_voice_stays_as_it_is(seed: int, strategy: Strategy, dtype: Any) -> None:
    base = _voice(1, dtype)
    ours = _moved(base, seed)
    assert _bytes(merge(base, ours, ours, Recipe(strategy)).voice.tensors) == _bytes(ours.tensors)


@settings(max_examples=30, deadline=None)
@given(seeds, st.sampled_from(["task", "ties"]))
def test_merged_with_the_base_the_other_side_stays_as_it_is(seed: int, strategy: Strategy) -> None:
    side = _moved(BASE, seed)
    for ours, theirs in ((side, BASE), (BASE, side)):
        assert _bytes(merge(BASE, ours, theirs, Recipe(strategy)).voice.tensors) == _bytes(side.tensors)


@settings(max_examples=30, deadline=None)
@given(seeds, seeds, st.sampled_from(STRATEGIES))
def test_both_orders_give_the_same_bytes(one: int, two: int, strategy: Strategy) -> None:
    ours, theirs = _moved(BASE, one), _moved(BASE, two)
    merged = merge(BASE, ours, theirs, Recipe(strategy))
    assert _bytes(merged.voice.tensors) == _bytes(merge(BASE, theirs, ours, Recipe(strategy)).voice.tensors)
    again = merge(BASE, ours, theirs, Recipe(strategy))
    assert _bytes(again.voice.tensors) == _bytes(merged.voice.tensors)
    assert again.report == merged.report


@settings(max_examples=20, deadline=None)
@given(seeds, seeds, seeds)
def test_parts_that_do_not_overlap_are_independent_of_order(one: int, two: int, three: int) -> None:
    """Three forks of three parts come in, whichever is merged first."""
    forks = [
        _moved(BASE, one, ("s1/model.h.layers.0.linear1.weight",)),
        _moved(BASE, two, ("s2/enc_p.proj.bias",)),
        _moved(BASE, three, NORMED),
    ]

    def all_in(order: tuple[int, ...]) -> Voice:
        voice = BASE
        for index in order:
            voice = merge(BASE, voice, forks[index]).voice
        return voice

    results = [_bytes(all_in(order).tensors) for order in ((0, 1, 2), (2, 1, 0), (1, 0, 2))]
    assert results[0] == results[1] == results[2]
    assert results[0][NORMED[1]] == _bytes(forks[2].tensors)[NORMED[1]]


@pytest.mark.parametrize("pair", [NORMED, NEWER])
def test_normed_layers_are_added_as_the_weights_they_stand_for(pair: tuple[str, str]) -> None:
    base = _voice(1, np.float32)
    ours, theirs = _moved(base, 2), _moved(base, 3)
    merged = merge(base, ours, theirs).voice.tensors
    folded = [fold(voice[pair[0]], voice[pair[1]]) for voice in (base.tensors, ours.tensors, theirs.tensors, merged)]
    np.testing.assert_allclose(folded[3], folded[1] + folded[2] - folded[0], atol=2e-6)
    naive = ours.tensors[pair[1]] + theirs.tensors[pair[1]] - base.tensors[pair[1]]
    assert not np.allclose(merged[pair[1]], naive, atol=1e-3)  # the directions themselves were not added
    length = [np.sqrt((v.tensors[pair[1]].astype(float) ** 2).sum(axis=-1)) for v in (ours, theirs)]
    if pair is NEWER:  # the direction is as long as both are in the mean
        found = np.sqrt((merged[pair[1]].astype(float) ** 2).sum(axis=-1))
        np.testing.assert_allclose(found, (length[0] + length[1]) / 2, rtol=1e-5)


def test_a_layer_without_direction_stays_finite() -> None:
    zero = replace(BASE, tensors={**BASE.tensors, NORMED[1]: np.zeros((4, 3, 5), np.float16)})
    merged = merge(zero, _moved(zero, 2, (NORMED[0],)), _moved(zero, 3, (NORMED[0],))).voice.tensors
    assert np.isfinite(merged[NORMED[1]]).all()
    assert not merged[NORMED[0]].any()


def test_known_values() -> None:
    def one(value: float) -> Voice:
        return Voice({"s2/enc_p.proj.bias": np.array([value, 1.0, -value], np.float32)})

    base, ours, theirs = one(0.0), one(1.0), one(3.0)
    found = {
        recipe.strategy: merge(base, ours, theirs, recipe).voice.tensors["s2/enc_p.proj.bias"].tolist()
        for recipe in (Recipe("task", scale=0.5), Recipe("ties", density=1.0), Recipe("linear", weight=0.25))
    }
    assert found == {"task": [2.0, 1.0, -2.0], "ties": [2.0, 1.0, -2.0], "linear": [1.5, 1.0, -1.5]}


def test_ties_drops_what_the_other_side_contradicts() -> None:
    def one(*values: float) -> Voice:
        return Voice({"s2/enc_p.proj.bias": np.array(values, np.float32)})

    merged = merge(one(0, 0, 0, 0), one(3, -1, 0.1, 0), one(-1, -3, 0, 0.1), Recipe("ties", density=0.5)).voice
    assert merged.tensors["s2/enc_p.proj.bias"].tolist() == [3.0, -2.0, 0.0, 0.0]


def test_theirs_for_the_decoder_and_a_narrower_choice_within_it() -> None:
    ours, theirs = _moved(BASE, 2), _moved(BASE, 3)
    choices: dict[str, Strategy] = {"decoder": "theirs", "s2/dec.p.": "ours", "stage1": "base"}
    merged = merge(BASE, ours, theirs, Recipe(choices=choices))
    tensors = merged.voice.tensors
    assert tensors[NORMED[1]].tobytes() == theirs.tensors[NORMED[1]].tobytes()
    assert tensors[NEWER[1]].tobytes() == ours.tensors[NEWER[1]].tobytes()
    first = "s1/model.h.layers.0.linear1.weight"
    assert tensors[first].tobytes() == BASE.tensors[first].tobytes()
    decoder = next(one for one in merged.report if one.module == "decoder")
    assert (decoder.theirs, decoder.ours, decoder.merged) == (1, 1, 0)
    text = next(one for one in merged.report if one.module == "text_encoder")
    assert text.merged == 1
    assert text.agreement is not None
    assert text.step_ours is not None


def test_slerp_keeps_the_length_that_a_line_loses() -> None:
    def one(*values: float) -> Voice:
        return Voice({"s2/enc_p.proj.bias": np.array(values, np.float64)})

    arc = merge(None, one(1, 0), one(0, 1), Recipe("slerp")).voice.tensors["s2/enc_p.proj.bias"]
    np.testing.assert_allclose(arc, [0.5**0.5, 0.5**0.5], rtol=1e-12)


def _with(name: str, value: NDArray[Any] | None, voice: Voice = BASE) -> Voice:
    tensors = {**voice.tensors, name: value} if value is not None else dict(voice.tensors)
    if value is None:
        del tensors[name]
    return replace(voice, tensors=tensors)


@pytest.mark.parametrize(
    ("kind", "theirs"),
    [
        ("missing", _with("s2/enc_p.proj.bias", None)),
        ("missing", _with("s2/enc_p.new", np.zeros(3, np.float16))),
        ("shape", _with("s2/enc_p.proj.bias", np.zeros(8, np.float16))),
        ("type", _with("s2/enc_p.proj.bias", np.zeros(7, np.float32))),
        ("frozen", _with("s2/quantizer.vq.layers.0._codebook.embed", np.zeros((5, 2), np.float16))),
        ("integer", _with("s2/steps", np.array([9], np.int64))),
        ("requires", replace(BASE, requires={"content_encoder": "b" * 64})),
        ("config", replace(BASE, configs={"s2": {"model": {"hidden_channels": 192}}})),
    ],
)
def test_structural_conflicts_are_explained_and_nothing_is_forced(kind: str, theirs: Voice) -> None:
    ours = _with("s2/steps", np.array([8], np.int64), _moved(BASE, 2))
    found = check(BASE, ours, theirs)
    assert [conflict.kind for conflict in found] == [kind]
    assert found[0].place in found[0].message_en
    assert found[0].message_zh
    for strategy in (*STRATEGIES, "ours", "theirs", "base"):
        with pytest.raises(NotMergeable):
            merge(BASE, ours, theirs, Recipe(strategy))


def test_how_a_voice_was_trained_is_no_conflict() -> None:
    configs = {"s2": {"train": {"epochs": 100}, "data": {"exp_dir": "logs/a", "hop_length": 640}, "name": "a"}}
    other = {"s2": {"train": {"epochs": 8}, "data": {"exp_dir": "logs/b", "hop_length": 640}, "name": "b"}}
    assert not check(replace(BASE, configs=configs), replace(BASE, configs=configs), replace(BASE, configs=other))


def test_whole_numbers_are_taken_and_never_computed() -> None:
    theirs = _with("s2/steps", np.array([9], np.int64), _moved(BASE, 3))
    merged = merge(BASE, _moved(BASE, 2), theirs, Recipe("linear")).voice.tensors
    assert merged["s2/steps"].tolist() == [9]


def test_a_result_beyond_the_type_is_refused() -> None:
    def one(value: float) -> Voice:
        return Voice({"s2/enc_p.proj.bias": np.array([value], np.float16)})

    with pytest.raises(NotMergeable, match="float16"):
        merge(one(0), one(60000), one(50000))


def test_a_criss_cross_is_merged_over_its_virtual_base() -> None:
    voices = {"root": BASE, "a": _moved(BASE, 4), "b": _moved(BASE, 5)}
    both = merge(BASE, voices["a"], voices["b"]).voice
    voices |= {"x": _moved(both, 6, ("s2/enc_p.proj.bias",)), "y": _moved(both, 7, NORMED)}
    parents = {"root": [], "a": ["root"], "b": ["root"], "x": ["a", "b"], "y": ["b", "a"]}
    plan = plan_base(parents, "x", "y")
    assert isinstance(plan, Virtual)
    merged = merge(build(plan, voices.__getitem__), voices["x"], voices["y"]).voice.tensors
    expected = dict(voices["x"].tensors) | {name: voices["y"].tensors[name] for name in NORMED}
    assert _bytes(merged) == _bytes(expected)  # nothing of a or b counts twice


def test_the_bytes_are_the_same_on_every_machine() -> None:
    """The digest of a known merge: another order of summing or another rounding would show."""
    found = hashlib.sha256()
    for strategy in STRATEGIES:
        merged = merge(BASE, _moved(BASE, 2), _moved(BASE, 3), Recipe(strategy, scale=0.7)).voice.tensors
        for name in sorted(merged):
            found.update(name.encode() + merged[name].tobytes())
    assert found.hexdigest() == EXPECTED


@pytest.mark.parametrize(
    "wrong", [{"strategy": "magic"}, {"choices": {"larynx": "ours"}}, {"density": 0.0}, {"weight": 2}]
)
def test_recipes_outside_their_bounds_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        Recipe(**wrong)
