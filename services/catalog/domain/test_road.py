"""The road: every order of facts ends in the same state, by legal transitions only."""

from __future__ import annotations

import itertools

import pytest

from services.catalog.domain.road import NEXT, Facts, State, may_become, state_of


@pytest.mark.parametrize(
    ("facts", "state"),
    [
        (Facts(), State.PUSHED),
        (Facts("clean"), State.SCANNED),
        (Facts("clean", exported=True), State.EXPORTED),
        (Facts("clean", exported=True, behaviour="passed"), State.PUBLISHED),
        (Facts("clean", exported=True, behaviour="not-run"), State.PUBLISHED),
        (Facts("clean", behaviour="passed"), State.SCANNED),
        (Facts("", exported=True, behaviour="passed"), State.PUSHED),
        (Facts("suspicious"), State.QUARANTINED),
        (Facts("unreadable", exported=True, behaviour="passed"), State.QUARANTINED),
        (Facts("clean", exported=True, behaviour="failed"), State.QUARANTINED),
        (Facts("a verdict of tomorrow"), State.QUARANTINED),
    ],
)
def test_state_of_facts(facts: Facts, state: State) -> None:
    assert state_of(facts) is state


@pytest.mark.parametrize("behaviour", ["passed", "failed", "not-run"])
@pytest.mark.parametrize("verdict", ["clean", "malicious"])
def test_any_order_of_facts_ends_alike_and_never_goes_back(verdict: str, behaviour: str) -> None:
    news: list[dict[str, object]] = [{"verdict": verdict}, {"exported": True}, {"behaviour": behaviour}]
    ends = set()
    for order in itertools.permutations(news):
        known: dict[str, object] = {}
        state = State.PUSHED
        for fact in order:
            known |= fact
            later = state_of(Facts(**known))  # type: ignore[arg-type]
            assert later is state or may_become(state, later)
            state = later
        ends.add(state)
    assert len(ends) == 1


def test_quarantine_is_final_and_publication_is_not_undone_but_by_quarantine() -> None:
    assert not any(may_become(State.QUARANTINED, state) for state in State)
    assert [state for state in State if may_become(State.PUBLISHED, state)] == [State.QUARANTINED]
    assert set(NEXT) == set(State)
