from __future__ import annotations

from typing import Any

import pytest

from tools.demo.judging import Row
from tools.demo.table import render, thresholds


def _report(
    tuned: float = 0.3,
    shuffled: float = 0.95,
    low: float = 0.05,
    own: float = 0.8,
    others: int = 4,
    alike: float = 0.7,
) -> dict[str, Any]:
    nearness = {"own": {"mean": own}} | {f"other-{n}": {"mean": 0.6 + n / 100} for n in range(others)}
    table = [{"name": "fine-tuned", "word_error_rate": tuned}, {"name": "shuffled", "word_error_rate": shuffled}]
    speakers = [{"name": "own", "likeness": 0.6}, {"name": "other-0", "likeness": alike}]
    return {"table": table, "speakers": speakers, "gain_over_base": {"low": low}, "nearness": nearness}


def test_a_good_voice_passes_every_line() -> None:
    assert all(line.passed for line in thresholds(_report()))


@pytest.mark.parametrize(
    "worse", [{"tuned": 0.46}, {"shuffled": 0.8}, {"low": 0.0}, {"own": 0.62}, {"others": 3}, {"alike": 0.85}]
)  # fmt: skip
def test_each_line_can_fail(worse: dict[str, float]) -> None:
    assert [line.passed for line in thresholds(_report(**worse))].count(False) == 1  # type: ignore[arg-type]


def test_the_table_has_a_line_per_speaker() -> None:
    rows = [Row("recording", None, 0.3, 3.2, 44.4), Row("base", 0.54, 0.94, 3.2, 14.1)]
    lines = render(rows).splitlines()
    assert len(lines) == 3
    assert "0.54" in lines[2]
    assert "94%" in lines[2]
