"""What people write, within bounds."""

from __future__ import annotations

from services.common.errors import Unprocessable


def checked_text(text: str, field: str, limit: int) -> str:
    """The text without blanks around it; Unprocessable when it is empty or longer than `limit` characters."""
    stripped = text.strip()
    if not stripped or len(stripped) > limit:
        raise Unprocessable(
            f"The {field} is {'empty' if not stripped else 'too long'}.",
            hint=f"Write 1 to {limit} characters.",
            fields={field: f"1 to {limit} characters"},
        )
    return stripped
