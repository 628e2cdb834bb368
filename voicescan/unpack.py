"""Wrappings around a model: gzip, bzip2, xz, zlib streams and tar archives, opened within bounds."""

from __future__ import annotations

import bz2
import lzma
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from voicescan.findings import Finding, Place
from voicescan.limits import MAX_ENTRIES, MAX_UNFOLDING, UNFOLDING_FLOOR
from voicescan.rules import found, refuse

_MAX_MEMBERS = 64
_BLOCK = 512
_MAX_ATTRIBUTES = 1 << 16
_PLAIN_KINDS = (b"0", b"\x00", b"5", b"x", b"g", b"L")
_NAMING = {b"L": "long name", b"x": "attributes", b"g": "attributes"}
_RESIZING = re.compile(rb"(?m)^\d+ (size|GNU\.sparse[.a-z]*|SCHILY\.realsize|linkpath|hdrcharset)=")
_NAMED = re.compile(rb"(?m)^\d+ path=([^\n]*)$")


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


class Room:
    """How many bytes a file may still unfold to: one for all its layers and all that lies beside each other in them."""

    def __init__(self, view: memoryview) -> None:
        self.left = max(UNFOLDING_FLOOR, MAX_UNFOLDING * len(view))

    def take(self, size: int, view: memoryview, what: str, entry: str) -> None:
        """What ``view``, an archive or a stream, unfolds to is charged. Raises ``Refused`` for a bomb."""
        left, self.left = self.left, max(0, self.left - size)
        if size > left:
            raise refuse("bomb", Place(entry), f"{len(view)} bytes of {what} unfold to more than {left}")

    def take_broken(self) -> None:
        """What a broken stream unfolded to before it broke is not known: it costs half of what is left."""
        self.left //= 2


def decompress(view: memoryview, kind: str, entry: str, room: Room) -> Unfolded:
    """All members of a compressed file, as far as there is room.

    Raises ``Refused`` for a bomb.
    """
    packed: memoryview | bytes = view
    parts: list[bytes] = []
    for _ in range(_MAX_MEMBERS):
        stream = _open(kind)
        try:
            parts.append(stream.decompress(packed, room.left + 1))
        except (zlib.error, OSError, lzma.LZMAError, EOFError) as error:
            room.take_broken()
            broken = found("zip-broken", Place(entry), f"{kind}: {error}")
            return Unfolded(b"".join(parts), (broken,))
        room.take(len(parts[-1]), view, kind, entry)
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
    """The files of a tar archive; links, devices, odd names and whatever two readers may see differently: findings."""
    at = count = 0
    given = ""
    while at + _BLOCK <= len(view) and any(view[at : at + _BLOCK]):
        header = view[at : at + _BLOCK]
        name, size, kind = given or _name(header), _octal(header[124:136]), bytes(header[156:157])
        place = Place(f"{entry}!{name[:80]}", at)
        count += 1
        sound = size >= 0 and at + _BLOCK + size <= len(view) and _checksum(header) == _octal(header[148:156])
        if not sound or count > MAX_ENTRIES:
            yield TarMember(name, view[:0], (found("zip-broken", place, "a tar header that makes no sense"),))
            return
        data = view[at + _BLOCK : at + _BLOCK + size]
        at += _BLOCK + -(-size // _BLOCK) * _BLOCK
        if kind in _NAMING:
            given, wrong = _given_name(kind, bytes(data[:_MAX_ATTRIBUTES]), given, place)
            if size > _MAX_ATTRIBUTES or wrong:
                yield TarMember(name, view[:0], wrong or (found("zip-broken", place, "attributes without end"),))
            continue
        given = ""
        yield TarMember(name, data, tuple(_odd(name, kind, place)))
    if view[at:].tobytes().strip(b"\x00"):
        behind = found("zip-structure", Place(entry, at), "there are bytes behind its end")
        yield TarMember("", view[:0], (behind,))


def _name(header: memoryview) -> str:
    """The name of a header, with the prefix that POSIX archives may give."""
    name = bytes(header[:100]).split(b"\x00")[0]
    prefix = bytes(header[345:500]).split(b"\x00")[0] if bytes(header[257:263]) == b"ustar\x00" else b""
    return (prefix + b"/" + name if prefix else name).decode("utf-8", "replace")


def _given_name(kind: bytes, data: bytes, given: str, place: Place) -> tuple[str, tuple[Finding, ...]]:
    """The name that a special member gives to the next one; attributes that change more than that are a finding."""
    if kind == b"L":
        return data.split(b"\x00")[0].decode("utf-8", "replace"), ()
    if _RESIZING.search(data):
        return given, (found("zip-structure", place, "tar attributes that change what a member holds"),)
    named = _NAMED.search(data)
    return (named[1].decode("utf-8", "replace") if named and kind == b"x" else given), ()


def _odd(name: str, kind: bytes, place: Place) -> Iterator[Finding]:
    if kind not in _PLAIN_KINDS:
        yield found("zip-name", place, f"{name} is a link or a device")
    if name.startswith("/") or ".." in name.split("/") or not name.isprintable():
        yield found("zip-name", place, name)
