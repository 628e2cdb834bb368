"""The engines' corner of what is kept outside the work tree."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tools import cache as kept
from tools.cache import digest, locked

__all__ = ["cache", "digest", "locked", "made"]


def cache() -> Path:
    """Its folder."""
    return kept.root() / "engines"


def made(name: str, recipe: bytes, make: Callable[[Path], None]) -> Path:
    """The folder that `make` filled for this recipe, made once."""
    return kept.made(name, recipe, make, "engines")
