"""Times of the API: RFC 3339 strings outside, seconds of the epoch inside."""

from __future__ import annotations

from datetime import UTC, datetime


def seconds(moment: str | None) -> float:
    """Seconds of the epoch; 0 for none."""
    return datetime.fromisoformat(moment).timestamp() if moment else 0.0


def text(moment: float) -> str:
    """RFC 3339 in UTC with milliseconds."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
