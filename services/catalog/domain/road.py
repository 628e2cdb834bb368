"""The road of a version, derived from the facts that are known about it.

Facts arrive as events on different topics and therefore in any order. A state is never set by an event: it is derived
from all facts at hand, so that every order of arrival, and every repetition, ends in the same state.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """Where a version stands. Nothing is downloadable before SCANNED; nothing is found before PUBLISHED.

    No fact makes a version ERASED: people do, and it stays so.
    """

    PUSHED = "pushed"
    SCANNED = "scanned"
    QUARANTINED = "quarantined"
    EXPORTED = "exported"
    PUBLISHED = "published"
    ERASED = "erased"


CLEAN = "clean"
PASSED, NOT_RUN = "passed", "not-run"
BEHAVIOUR_ACCEPTED = frozenset({PASSED, NOT_RUN})
NEXT: dict[State, frozenset[State]] = {
    State.PUSHED: frozenset({State.SCANNED, State.QUARANTINED}),
    State.SCANNED: frozenset({State.EXPORTED, State.QUARANTINED}),
    State.EXPORTED: frozenset({State.PUBLISHED, State.QUARANTINED}),
    State.PUBLISHED: frozenset({State.QUARANTINED}),
    State.QUARANTINED: frozenset(),
    State.ERASED: frozenset(),
}
REFUSED = frozenset({State.QUARANTINED, State.ERASED})
"""What no branch stands on."""
DOWNLOADABLE = frozenset({State.SCANNED, State.EXPORTED, State.PUBLISHED})


@dataclass(frozen=True)
class Facts:
    """What is known about a version.

    Attributes:
        verdict: of the static scan; empty before it.
        exported: whether the export is done (or was honestly declined).
        behaviour: outcome of the behaviour test; empty before it.
    """

    verdict: str = ""
    exported: bool = False
    behaviour: str = ""


def state_of(facts: Facts) -> State:
    """The state that the facts amount to. An unknown verdict or outcome counts as a refusal."""
    if facts.verdict and facts.verdict != CLEAN:
        return State.QUARANTINED
    if facts.behaviour and facts.behaviour not in BEHAVIOUR_ACCEPTED:
        return State.QUARANTINED
    if not facts.verdict:
        return State.PUSHED
    if not facts.exported:
        return State.SCANNED
    return State.PUBLISHED if facts.behaviour else State.EXPORTED


def may_become(current: State, later: State) -> bool:
    """Whether `later` is reachable from `current` by legal transitions, one or more."""
    return any(step == later or may_become(step, later) for step in NEXT[current])
