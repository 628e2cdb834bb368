"""What the end of an attempt means, and when the next one may begin."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

EX_USAGE, EX_DATAERR = 64, 65
BAD_INPUT = frozenset({EX_USAGE, EX_DATAERR})
"""Exit codes (sysexits.h) of a worker whose input can never become a voice. Trying again would only cost GPU time."""


class Ending(StrEnum):
    """Why an attempt is over."""

    SUCCEEDED = "Succeeded"
    BAD_INPUT = "BadInput"
    FAILED = "Failed"
    LOST = "Lost"
    DEADLINE = "DeadlineExceeded"


@dataclass(frozen=True)
class Backoff:
    """Seconds before the next attempt: `base`, doubled with each failure, at most `most`."""

    base: float = 10.0
    most: float = 600.0

    def seconds(self, failures: int) -> float:
        """The wait after so many failures (1 is the first)."""
        return min(self.most, self.base * 2.0 ** min(max(failures, 1) - 1, 32))


def ending_of(exit_code: int | None, reason: str) -> Ending:
    """The end of a failed Job from its pod's exit code (None: no pod is left) and the Job's reason."""
    if exit_code in BAD_INPUT:
        return Ending.BAD_INPUT
    if reason == "DeadlineExceeded":
        return Ending.DEADLINE
    return Ending.LOST if exit_code is None else Ending.FAILED


def tries_again(ending: Ending, failures: int, retries: int) -> bool:
    """Whether another attempt follows: bad input never, a lost pod always, anything else `retries` times."""
    if ending is Ending.LOST:
        return True
    return ending is Ending.FAILED and failures <= retries
