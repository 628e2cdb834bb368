"""The identity of a symbol table: phone ids are positions in it."""

from __future__ import annotations

from collections.abc import Sequence

from blake3 import blake3


def digest_of(symbols: Sequence[str]) -> str:
    """BLAKE3-256 of the symbols, one a line, UTF-8."""
    return blake3("\n".join(symbols).encode()).hexdigest()
