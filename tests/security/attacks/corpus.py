"""The whole corpus of attacks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.security.attacks import archives, deeper, other_formats, pickled
from tests.security.attacks.case import Case, Payload


def attacks(marker: Path) -> Iterator[Case]:
    """Every attack, made one at a time; each would create ``marker`` if it were run."""
    payload = Payload(str(marker))
    yield from pickled.everything(payload)
    yield from archives.everything(payload)
    yield from other_formats.everything(payload)
    yield from deeper.everything(payload)
