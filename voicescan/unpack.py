"""Wrappings around a model: gzip, bzip2, xz, zlib streams and tar archives, opened within bounds."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from voicescan.findings import Finding, Place
from voicescan.limits import MAX_ENTRIES, MAX_UNFOLDING, UNFOLDING_FLOOR
from voicescan.rules import found, refuse

_MAX_MEMBERS = 64
_BLOCK = 512
_PLAIN_KINDS = (b"0", b"\x00", b"5", b"x", b"g", b"L")


class _Stream(Protocol):
    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: memoryview | bytes, max_length: int, /) -> bytes: ...


def _open(kind: str) -> _Stream:
    if kind == "bzip2":
        return bz2.BZ2Decompressor()
    if kind in ("xz", "lzma"):
        return lzma.LZMADecompressor(lzma.FORMAT_AUTO, memlimit=16 << 20)
    return zlib.decompressobj(31 if kind == "gzip" else 15)


@dataclass(frozen=True)
class Unfolded:
    """The content of a compressed file and what was wrong with it."""

    data: bytes
    findings: tuple[Finding, ...]


def room_for(view: memoryview) -> int:
    """How many bytes a file may unfold to, all layers together."""
    return max(UNFOLDING_FLOOR, MAX_UNFOLDING * len(view))


def decompress(view: memoryview, kind: str, entry: str, limit: int) -> Unfolded:
    """All members of a compressed file, at most ``limit`` bytes.

    Raises ``Refused`` for a bomb.
    """
    packed: memoryview | bytes = view
    parts: list[bytes] = []
    used = 0
    for _ in range(_MAX_MEMBERS):
        stream = _open(kind)
        try:
            parts.append(stream.decompress(packed, limit - used + 1))
        except (zlib.error, OSError, lzma.LZMAError, EOFError) as error:
            broken = found("zip-broken", Place(entry), f"{kind}: {error}")
            return Unfolded(b"".join(parts), (broken,))
        used += len(parts[-1])
        if used > limit:
            raise refuse("bomb", Place(entry), f"{len(view)} bytes of {kind} unfold to more than {limit}")
        if not stream.eof:
            return Unfolded(b"".join(parts), (found("zip-broken", Place(entry), f"{kind}: it is cut off"),))
        packed = stream.unused_data
        if not packed:
            return Unfolded(b"".join(parts), ())
    return Unfolded(b"".join(parts), (found("too-deep", Place(entry), f"more than {_MAX_MEMBERS} {kind} members"),))


@dataclass(frozen=True)
class TarMember:
    """A regular file inside a tar archive, or a finding in its place."""

    name: str
    data: memoryview
    findings: tuple[Finding, ...] = ()


def looks_like_tar(view: memoryview) -> bool:
    """Whether the first block is a tar header (by its checksum, so that archives without a magic are found too)."""
    return len(view) >= _BLOCK and any(view[:100]) and _checksum(view) == _octal(view[148:156])


def _checksum(view: memoryview) -> int:
    return sum(view[:148]) + 8 * 0x20 + sum(view[156:_BLOCK])


def _octal(raw: memoryview) -> int:
    if raw[0] == 0x80:
        return int.from_bytes(raw[1:], "big")
    text = bytes(raw).strip(b" \x00")
    return int(text, 8) if text and all(48 <= code <= 55 for code in text) else -1


def tar_members(view: memoryview, entry: str) -> Iterator[TarMember]:
    """The files of a tar archive; links, devices and odd names come with findings."""
    at = count = 0
    while at + _BLOCK <= len(view) and any(view[at : at + _BLOCK]):
        header = view[at : at + _BLOCK]
        name = bytes(header[:100]).split(b"\x00")[0].decode("utf-8", "replace")
        size, kind = _octal(header[124:136]), bytes(header[156:157])
        place = Place(f"{entry}!{name[:80]}", at)
        count += 1
        sound = size >= 0 and at + _BLOCK + size <= len(view) and _checksum(header) == _octal(header[148:156])
        if not sound or count > MAX_ENTRIES:
            yield TarMember(name, view[:0], (found("zip-broken", place, "a tar header that makes no sense"),))
            return
        wrong = [] if kind in _PLAIN_KINDS else [found("zip-name", place, f"{name} is a link or a device")]
        if name.startswith("/") or ".." in name.split("/") or not name.isprintable():
            wrong.append(found("zip-name", place, name))
        yield TarMember(name, view[at + _BLOCK : at + _BLOCK + size], tuple(wrong))
        at += _BLOCK + -(-size // _BLOCK) * _BLOCK
