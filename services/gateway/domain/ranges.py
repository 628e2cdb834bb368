"""Byte ranges (RFC 9110, chapter 14): one range is served, several are answered with the whole."""

from __future__ import annotations

import re
from dataclasses import dataclass

_RANGE = re.compile(r"bytes=\s*([0-9]{0,18})-([0-9]{0,18})\s*", re.IGNORECASE)


@dataclass(frozen=True)
class Span:
    """Bytes `start` up to, not including, `stop`."""

    start: int
    stop: int

    @property
    def size(self) -> int:
        """Bytes in the span."""
        return self.stop - self.start


class Unsatisfiable(ValueError):
    """The range lies outside the object: answer 416."""


def select(header: str, size: int) -> Span | None:
    """The span that a `Range` header asks for; None when the header asks for nothing that is understood.

    Args:
        header: the header's value, possibly empty.
        size: bytes of the object.

    Raises:
        Unsatisfiable: the one range asked for begins behind the end, or is an empty suffix.
    """
    match = _RANGE.fullmatch(header)
    if match is None or match.groups() == ("", ""):
        return None
    first, last = match.groups()
    if not first:
        start, stop = max(size - int(last), 0), size
    else:
        start, stop = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < int(first):
            return None
    if start >= size or stop <= start:
        raise Unsatisfiable(header)
    return Span(start, stop)


def holds(if_range: str, etag: str) -> bool:
    """Whether a `Range` may be honoured: no `If-Range`, or the very strong tag of the object."""
    return not if_range or if_range.strip() == etag


def matches(if_none_match: str, etag: str) -> bool:
    """Whether `If-None-Match` names the object (weak comparison, RFC 9110 13.1.2)."""
    candidates = [item.strip().removeprefix("W/") for item in if_none_match.split(",")]
    return "*" in candidates or etag in candidates
