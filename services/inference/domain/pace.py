"""How fast places become free, for whoever is told to come again."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

REMEMBERED = 32
USUAL_SECONDS, LEAST_SECONDS, MOST_SECONDS = 5.0, 1.0, 60.0


class Pace:
    """Of the last that left. Whoever is refused stands behind those refused before, so that not all come at once."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock, self._left, self._refused = clock, deque[float](maxlen=REMEMBERED), 0

    def left(self) -> None:
        """A place is free."""
        self._left.append(self._clock())
        self._refused = max(self._refused - 1, 0)

    def refused(self) -> float:
        """Seconds after which the one who is refused now may find a place."""
        self._refused += 1
        if not self._left:
            return USUAL_SECONDS
        each = (self._clock() - self._left[0]) / len(self._left)
        return min(max(each * self._refused, LEAST_SECONDS), MOST_SECONDS)
