"""Punctuation shared by all languages."""

from __future__ import annotations

import re

PAUSES = ("!", "?", "…", ",", ".", "-")
"""The marks that are phones themselves."""

_RUN = re.compile(r"([!?…,.\-])[!?…,.\-]+")


def collapse_runs(text: str) -> str:
    """Keeps the first of neighbouring pause marks, so ``"a..b!!?c"`` becomes ``"a.b!c"``."""
    return _RUN.sub(r"\1", text)
