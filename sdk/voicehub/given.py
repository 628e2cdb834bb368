"""What was given to a hub before: a file that shares parts with an earlier one is sent without them.

A checkpoint is cut where its archive is (each tensor lies in one piece), any other file into blocks of 1 MiB. For each
file that was sent, `$VOICEHUB_HOME/given/` keeps the digests of its parts; the hub keeps the bytes and says itself
whether this account gave them.
"""

from __future__ import annotations

import json
import struct
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from blake3 import blake3

from voicehub.home import home, write_private

BLOCK = 1 << 20
LEAST = 4 << 10
"""Parts below it are sent: asking costs as much."""
MOST_FILES = 32
_LOCAL_HEADER, _NAME_LENGTHS = 30, 26


@dataclass(frozen=True)
class Copy:
    """`size` bytes at `offset` of the new file are those from `start` of the earlier file `digest`."""

    offset: int
    size: int
    digest: str
    start: int


Parts = Sequence[tuple[str, int, int]]
"""Digest, beginning and size of each part, in order."""


def parts_of(path: Path) -> list[tuple[str, int, int]]:
    """The parts of a file."""
    size = path.stat().st_size
    edges = sorted({0, size, *_archive_edges(path), *(() if zipfile.is_zipfile(path) else range(0, size, BLOCK))})
    found = []
    with path.open("rb") as file:
        for start, end in pairwise(edges):
            file.seek(start)
            found.append((blake3(file.read(end - start)).hexdigest(), start, end - start))
    return found


def copies(url: str, parts: Parts) -> list[Copy]:
    """What need not be sent, in order; neighbours are joined."""
    known = {digest: (file, start) for file, kept in _kept(url) for digest, start, _ in kept}
    found: list[Copy] = []
    for digest, offset, size in parts:
        if digest not in known or size < 1:
            continue
        file, start = known[digest]
        last = found[-1] if found else None
        joins = last and (last.digest, last.offset + last.size, last.start + last.size) == (file, offset, start)
        if last and joins:
            found[-1] = Copy(last.offset, last.size + size, file, last.start)
        else:
            found.append(Copy(offset, size, file, start))
    return [copy for copy in found if copy.size >= LEAST]


def remember(url: str, digest: str, parts: Parts) -> None:
    """Keeps what a file consists of; the oldest files are forgotten."""
    folder = _folder(url)
    write_private(folder / f"{digest}.json", json.dumps(parts))
    files = sorted(folder.glob("*.json"), key=_age)
    for old in files[:-MOST_FILES]:
        old.unlink(missing_ok=True)


def forget(url: str, digest: str) -> None:
    """The hub does not know that file any more."""
    (_folder(url) / f"{digest}.json").unlink(missing_ok=True)


def _archive_edges(path: Path) -> Iterator[int]:
    """Where headers and contents of a stored archive's members begin."""
    if not zipfile.is_zipfile(path):
        return
    try:
        with zipfile.ZipFile(path) as archive, path.open("rb") as file:
            size = path.stat().st_size
            for member in archive.infolist():
                file.seek(member.header_offset + _NAME_LENGTHS)
                name, extra = struct.unpack("<HH", file.read(4))
                begin = member.header_offset + _LOCAL_HEADER + name + extra
                edges = (member.header_offset, begin, begin + member.compress_size)
                yield from (edge for edge in edges if edge <= size)
    except (zipfile.BadZipFile, struct.error, NotImplementedError, ValueError):
        return


def _kept(url: str) -> Iterator[tuple[str, list[tuple[str, int, int]]]]:
    for path in sorted(_folder(url).glob("*.json")):
        try:
            yield path.stem, [(str(d), int(start), int(size)) for d, start, size in json.loads(path.read_text("utf-8"))]
        except (OSError, ValueError, TypeError):
            path.unlink(missing_ok=True)


def _age(path: Path) -> int:
    """When it was written, in ns; 0 for one that another process has just forgotten."""
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def _folder(url: str) -> Path:
    return home() / "given" / blake3(url.encode()).hexdigest()[:16]
