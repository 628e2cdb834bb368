"""The ending that a possessive adds to a word."""

from __future__ import annotations

from collections.abc import Sequence

_VOICELESS = frozenset({"P", "T", "K", "F", "TH", "HH"})
_SIBILANT = frozenset({"S", "Z", "SH", "ZH", "CH", "JH"})


def possessive(phones: Sequence[str]) -> tuple[str, ...]:
    """The phones of a word with those of its ``'s``."""
    if phones[-1] in _VOICELESS:
        return (*phones, "S")
    return (*phones, "AH0", "Z") if phones[-1] in _SIBILANT else (*phones, "Z")
