"""The most that one call may ask for: shape profiles of other engines are built to cover exactly this."""

from __future__ import annotations

from gptsovits.errors import MissingInput

PHONES = 2048
"""Of prompt and target together: the longest piece that is read and ten seconds of prompt stay well below."""
PROMPT_TOKENS = 1500
BATCH = 16
REFERENCE_FRAMES = 6000
"""Two minutes at 50 frames a second."""
SPEED = (0.25, 4.0)


def within(what: str, count: int, most: int) -> None:
    """Refuses more than ``most``."""
    if count > most:
        raise MissingInput(f"{count} {what} are too many at once, at most {most} are possible; give them in parts.")
