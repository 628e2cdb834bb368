"""What comparing one case gave."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from safetensors import SafetensorError

from gptsovits.errors import VoiceError
from voicescan import Refused

Status = Literal["equal", "exceeds", "input", "not run"]

MODULE_TOLERANCE = 1e-4
WAVE_TOLERANCE = 2e-4
LOSS_TOLERANCE = 1e-4
GRADIENT_TOLERANCE = 5e-3
FAILURES = (
    VoiceError, Refused, SafetensorError, ValueError, TypeError, RuntimeError, LookupError, ArithmeticError,
    AttributeError, AssertionError, OSError,
)  # fmt: skip
"""What a check may raise on recordings that do not fit; it becomes a line of the report."""


@dataclass(frozen=True)
class Outcome:
    """A line of the report: the worst tensor of a case with its error and what was allowed."""

    case: str
    status: Status
    error: float = 0.0
    tolerance: float = 0.0
    note: str = ""

    def line(self) -> str:
        """One line of text."""
        if self.status in ("input", "not run"):
            return f"{self.status:8} {self.case:44} {self.note}".rstrip()
        figures = f"error {self.error:9.2e}  tolerance {self.tolerance:8.1e}"
        return f"{self.status:8} {self.case:44} {figures}  {self.note}".rstrip()


def attempted(case: str, check: Callable[[], Iterator[Outcome]]) -> Iterator[Outcome]:
    """The outcomes of ``check``; where it fails to run, a line that says so, so that the next case still runs."""
    try:
        yield from check()
    except FAILURES as error:
        yield Outcome(case, "not run", note=f"{type(error).__name__}: {error}")


class Comparison:
    """Collects the tensors of one case; the worst decides."""

    def __init__(self, case: str) -> None:
        self.case = case
        self._worst = (-1.0, 0.0, 0.0, "nothing compared")

    def close(self, name: str, found: Any, recorded: Any, tolerance: float = MODULE_TOLERANCE) -> Comparison:
        """Largest absolute difference, allowed relative to recorded values above 1."""
        wanted = np.asarray(recorded, np.float64)
        return self._compare(name, found, wanted, tolerance * max(1.0, float(np.abs(wanted).max(initial=0.0))))

    def wave(self, name: str, found: Any, recorded: Any) -> Comparison:
        """Largest absolute difference of samples."""
        return self._compare(name, found, recorded, WAVE_TOLERANCE)

    def exact(self, name: str, found: Any, recorded: Any) -> Comparison:
        """Integers, texts and lists: equal or not."""
        equal = np.array_equal(np.asarray(found), np.asarray(recorded))
        return self._note(name, 0.0 if equal else 1.0, 0.0)

    def relative(self, name: str, found: float, recorded: float, tolerance: float = LOSS_TOLERANCE) -> Comparison:
        """A scalar, relative to what was recorded."""
        scale = abs(recorded) or 1.0
        return self._note(name, abs(float(found) - float(recorded)) / scale, tolerance)

    def outcome(self) -> Outcome:
        """The line of the case."""
        _, error, tolerance, name = self._worst
        failed = name == "nothing compared" or not error <= tolerance
        return Outcome(self.case, "exceeds" if failed else "equal", error, tolerance, name)

    def _compare(self, name: str, found: Any, recorded: Any, tolerance: float) -> Comparison:
        value, wanted = np.asarray(found, np.float64), np.asarray(recorded, np.float64)
        if value.shape != wanted.shape:
            return self._note(f"{name} is {value.shape}, recorded {wanted.shape}", float("inf"), tolerance)
        return self._note(name, float(np.abs(value - wanted).max(initial=0.0)), tolerance)

    def _note(self, name: str, error: float, tolerance: float) -> Comparison:
        allowed = tolerance or 0.5
        ratio = error / allowed if np.isfinite(error) else float("inf")
        if ratio > self._worst[0]:
            self._worst = (ratio, error, tolerance, name)
        return self
