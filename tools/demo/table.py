"""The table at the end, and what the numbers must be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tools.demo.judging import Row
from tools.demo.speakers import SAME_PERSON

MOST_WORD_ERRORS = 0.45
LEAST_SHUFFLED_WORD_ERRORS = 0.8
FEWEST_OTHERS = 4
OWN = "own"
"""Name of the creator among the speakers compared."""


@dataclass(frozen=True)
class Threshold:
    """A line the voice must pass: what, measured how much, whether it passes."""

    name: str
    value: float
    limit: float
    passed: bool


def thresholds(report: Mapping[str, Any]) -> list[Threshold]:
    """The floor of the demo, from the figures of its report."""
    rows = {row["name"]: row for row in report["table"]}
    tuned, shuffled = rows["fine-tuned"]["word_error_rate"], rows["shuffled"]["word_error_rate"]
    gain_low = report["gain_over_base"]["low"]
    own = report["nearness"][OWN]["mean"]
    others = [value["mean"] for name, value in report["nearness"].items() if name != OWN]
    nearest = max(others, default=1.0)
    alike = max((speaker["likeness"] for speaker in report["speakers"]), default=1.0)
    return [
        Threshold("word error rate of the voice, at most", tuned, MOST_WORD_ERRORS, tuned <= MOST_WORD_ERRORS),
        Threshold(
            "word error rate with shuffled tokens, above", shuffled, LEAST_SHUFFLED_WORD_ERRORS,
            shuffled > LEAST_SHUFFLED_WORD_ERRORS,
        ),
        Threshold("similarity gained over the base (low end of 95 %), above", gain_low, 0.0, gain_low > 0),
        Threshold("other speakers compared with, at least", len(others), FEWEST_OTHERS, len(others) >= FEWEST_OTHERS),
        Threshold("likeness of any two speakers compared, below", alike, SAME_PERSON, alike < SAME_PERSON),
        Threshold("similarity to its own speaker, above every other's", own, nearest, own > nearest),
    ]  # fmt: skip


def render(rows: Sequence[Row]) -> str:
    """The table in plain text."""
    lines = [f"{'':<12}{'similarity':>12}{'word errors':>13}{'MOS':>7}{'seconds':>9}"]
    for row in rows:
        near = "-" if row.similarity is None else f"{row.similarity:.2f}"
        lines.append(f"{row.name:<12}{near:>12}{row.word_error_rate:>12.0%} {row.mos:>7.2f}{row.seconds:>9.1f}")
    return "\n".join(lines)


def render_thresholds(lines: Sequence[Threshold]) -> str:
    """One line each, with a sign."""
    return "\n".join(f"{'✓' if t.passed else '✗'} {t.name} {t.limit:.2f}: {t.value:.2f}" for t in lines)
