"""Files that are there whole or not at all: written beside their place, brought to the disk, renamed into it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex
from stat import S_IMODE

SHOWN = 40
"""Characters of a name that stay in the one beside it, which must not be longer than a file system takes."""


@contextmanager
def replacing(path: Path, *, follow: bool = False) -> Iterator[Path]:
    """A path to write to; what is there at the end of the block takes the place of ``path``, with its rights.

    A kill or a full disk leaves the old file, or none. With ``follow`` it is the file that a link names that is
    replaced, else the link. What is no file, such as a pipe or `/dev/stdout`, is written to as it is.
    """
    if path.exists() and not path.is_file():
        yield path
        return
    target = path.resolve() if follow else path
    beside = target.with_name(f"{target.name[:SHOWN]}.{token_hex(4)}.partial")
    try:
        beside.touch()
        rights = (target if target.is_file() and not target.is_symlink() else beside).stat().st_mode
        yield beside
        with beside.open("r+b") as file:
            os.fsync(file.fileno())
        beside.chmod(S_IMODE(rights))  # some writers give what they write to its owner alone
        os.replace(beside, target)
    finally:
        beside.unlink(missing_ok=True)


def write_whole(path: Path, content: str | bytes, *, follow: bool = False) -> None:
    """Writes bytes, or a text in UTF-8."""
    with replacing(path, follow=follow) as beside:
        beside.write_bytes(content.encode() if isinstance(content, str) else content)
