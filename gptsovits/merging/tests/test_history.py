from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gptsovits.merging import Known, NotMergeable, Virtual, merge_bases, plan_base

CRISS_CROSS = {"root": [], "a": ["root"], "b": ["root"], "x": ["a", "b"], "y": ["b", "a"]}


def test_a_fork_of_a_fork_meets_at_the_first() -> None:
    parents = {"root": [], "mine": ["root"], "mine2": ["mine"], "yours": ["root"]}
    assert merge_bases(parents, "mine2", "yours") == ("root",)
    assert plan_base(parents, "mine2", "yours") == Known("root")


def test_a_fast_forward_answers_the_older_side() -> None:
    assert merge_bases({"b": ["a"], "a": []}, "a", "b") == ("a",)
    assert merge_bases({}, "a", "a") == ("a",)


def test_criss_cross_has_two_bases_and_one_virtual() -> None:
    assert merge_bases(CRISS_CROSS, "x", "y") == ("a", "b")
    assert plan_base(CRISS_CROSS, "x", "y") == Virtual(Known("root"), Known("a"), Known("b"))


def test_criss_cross_over_criss_cross_is_recursive() -> None:
    twice = {**CRISS_CROSS, "p": ["x", "y"], "q": ["y", "x"]}
    inner = Virtual(Known("root"), Known("a"), Known("b"))
    assert plan_base(twice, "p", "q") == Virtual(inner, Known("x"), Known("y"))


def test_three_best_ancestors_are_joined_one_after_the_other() -> None:
    parents = {"r": [], "a": ["r"], "b": ["r"], "c": ["r"], "x": ["a", "b", "c"], "y": ["c", "b", "a"]}
    first = Virtual(Known("r"), Known("a"), Known("b"))
    assert plan_base(parents, "x", "y") == Virtual(Known("r"), first, Known("c"))


def test_roots_that_met_before_have_no_base_below() -> None:
    parents = {"a": [], "b": [], "x": ["a", "b"], "y": ["b", "a"]}
    assert plan_base(parents, "x", "y") == Virtual(None, Known("a"), Known("b"))


def test_unrelated_voices_are_refused_in_words() -> None:
    with pytest.raises(NotMergeable, match="no common ancestor") as refused:
        plan_base({"a": [], "b": []}, "a", "b")
    assert [conflict.kind for conflict in refused.value.conflicts] == ["unrelated"]


def test_a_long_history_needs_no_deep_stack() -> None:
    names = [f"v{number}" for number in range(20_000)]
    parents = {new: [old] for old, new in pairwise(names)} | {"fork": ["v3"]}
    assert merge_bases(parents, names[-1], "fork") == ("v3",)


def test_even_a_circle_ends() -> None:
    assert merge_bases({"a": ["b"], "b": ["a"]}, "a", "b") == ()


@st.composite
def histories(draw: st.DrawFn) -> dict[str, list[str]]:
    """Versions in order, each with up to three earlier parents."""
    count = draw(st.integers(2, 12))
    return {
        str(number): sorted({str(p) for p in draw(st.lists(st.integers(0, number - 1), max_size=3))}) if number else []
        for number in range(count)
    }


def _ancestors(parents: dict[str, list[str]], version: str) -> set[str]:
    return {version}.union(*(_ancestors(parents, parent) for parent in parents[version]))


@settings(max_examples=200, deadline=None)
@given(histories(), st.data())
def test_bases_are_all_best_common_ancestors(parents: dict[str, list[str]], data: st.DataObject) -> None:
    one, two = data.draw(st.sampled_from(sorted(parents))), data.draw(st.sampled_from(sorted(parents)))
    common = _ancestors(parents, one) & _ancestors(parents, two)
    best = {v for v in common if not any(v in _ancestors(parents, o) for o in common - {v})}
    assert merge_bases(parents, one, two) == tuple(sorted(best)) == merge_bases(parents, two, one)


@settings(max_examples=100, deadline=None)
@given(histories(), st.data())
def test_plans_name_versions_only_and_do_not_depend_on_the_sides(
    parents: dict[str, list[str]], data: st.DataObject
) -> None:
    one, two = data.draw(st.sampled_from(sorted(parents))), data.draw(st.sampled_from(sorted(parents)))
    if not merge_bases(parents, one, two):
        return
    plan = plan_base(parents, one, two)
    assert plan == plan_base(parents, two, one)
    waiting = [plan]
    while waiting:
        match waiting.pop():
            case Known(version):
                assert version in parents
            case Virtual(base, ours, theirs):
                waiting += [part for part in (base, ours, theirs) if part]
