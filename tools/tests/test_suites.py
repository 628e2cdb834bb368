from __future__ import annotations

from tools.suites import AT_ONCE, SUITES

FORTY_MINUTES = 2400


def test_budgets_are_those_of_the_whole() -> None:
    assert sum(suite.budget for suite in SUITES) <= AT_ONCE * FORTY_MINUTES
    assert max(suite.budget for suite in SUITES) < FORTY_MINUTES
