"""English text cut into words and marks."""

from __future__ import annotations

import re

_TOKEN = re.compile(r"[A-Za-z][A-Za-z'\-]+[A-Za-z]|[A-Za-z]+|[.,?!'\-]")


def tokenize(text: str) -> list[str]:
    """Words (with inner apostrophes and hyphens) and single marks, in order."""
    return _TOKEN.findall(text)
