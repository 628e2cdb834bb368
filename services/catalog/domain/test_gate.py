"""The gate: what passes, what waits, what fails, and what is said of it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.catalog.domain.gate import Check, CheckState, Judgement, Opinion, approvals, evaluation, require
from services.common.errors import Unprocessable

TOOLS = {"judge": "1"}
LIMITS = {"similarity_drop": 0.02, "intelligibility_drop": 0.05}


def judged(similarity: float, intelligibility: float, **tools: str) -> Judgement:
    return Judgement({"similarity": similarity, "intelligibility": intelligibility}, tools or TOOLS)


@pytest.mark.parametrize(
    ("head", "state"),
    [
        (judged(0.80, 0.90), CheckState.PASSED),
        (judged(0.79, 0.86), CheckState.PASSED),
        (judged(0.77, 0.90), CheckState.FAILED),
        (judged(0.95, 0.80), CheckState.FAILED),
        (judged(0.80, 0.90, judge="2"), CheckState.PENDING),
        (None, CheckState.PENDING),
        (Judgement(failure="no speech came out"), CheckState.FAILED),
        (Judgement({"similarity": 0.9}, TOOLS), CheckState.FAILED),
    ],
)
def test_no_merge_that_lowers_a_figure_by_more(head: Judgement | None, state: CheckState) -> None:
    check = evaluation(LIMITS, judged(0.80, 0.90), head)
    assert check is not None
    assert (check.state, bool(check.detail)) == (state, True)


def test_nothing_is_asked_without_limits() -> None:
    assert evaluation({"approvals": 2}, None, None) is None
    assert evaluation({"similarity_drop": 0.0}, None, None) is None


@given(*(st.floats(0, 1) for _ in range(5)))
@settings(deadline=None)
def test_it_passes_exactly_when_no_limit_is_exceeded(limit: float, a: float, b: float, c: float, d: float) -> None:
    check = evaluation({"similarity_drop": limit, "intelligibility_drop": limit}, judged(a, b), judged(c, d))
    if limit == 0:
        assert check is None
    else:
        assert check is not None
        assert (check.state is CheckState.PASSED) == (a - c <= limit and b - d <= limit)


def test_approvals_are_of_this_head_and_the_last_word_counts() -> None:
    said = [Opinion("ann", "v1", True), Opinion("bob", "v2", False), Opinion("bob", "v2", True)]
    (check,) = approvals(2, said, "v2")
    assert (check.state, "1 of 2" in check.detail) == (CheckState.PENDING, True)
    (check,) = approvals(1, said, "v2")
    assert check.state is CheckState.PASSED
    against = approvals(1, [*said, Opinion("cyd", "v1", False)], "v2")
    assert [one.state for one in against] == [CheckState.FAILED, CheckState.PASSED]
    assert approvals(0, said, "v2") == []


def test_what_is_open_is_told() -> None:
    require([Check("a", CheckState.PASSED, "")])
    with pytest.raises(Unprocessable) as refused:
        require([Check("a", CheckState.PASSED, ""), Check("b", CheckState.PENDING, "wait")])
    assert refused.value.fields == {"b": "pending: wait"}
