"""BLAKE3-256 digests of files."""

from __future__ import annotations

from pathlib import Path

from blake3 import blake3


def file_digest(path: Path) -> str:
    """Hexadecimal BLAKE3-256 of a file."""
    hasher = blake3()
    hasher.update_mmap(str(path))
    return hasher.hexdigest()
