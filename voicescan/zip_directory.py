"""A strict reader of zip archives: both directories must agree, and every byte must belong to something.

Source: PKWARE APPNOTE 6.3 (records 4.3.7 to 4.3.16). A version head (``00`` to ``06``) may stand in place of the
first ``PK``.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from voicescan.findings import Finding, Place, Refused
from voicescan.limits import MAX_ENTRIES, MAX_NAME, MAX_UNFOLDING, UNFOLDING_FLOOR
from voicescan.rules import found, refuse

STORED, DEFLATED = 0, 8
HEADS = ("PK", "00", "01", "02", "03", "04", "05", "06")
_ENCRYPTED = 0x2041
_DESCRIPTOR = 0x8
_KNOWN_FLAGS = 0x80E
_FULL32 = 0xFFFFFFFF
_LARGE_END = 56


@dataclass(frozen=True)
class Entry:
    """A member: its name, where its packed bytes lie, sizes in bytes, method, flags, checksum, offset of its header."""

    name: str
    start: int
    packed: int
    size: int
    method: int
    flags: int
    crc: int
    header: int


@dataclass(frozen=True)
class Directory:
    """All members in file order, with what is wrong about the archive."""

    entries: tuple[Entry, ...]
    findings: tuple[Finding, ...]

    @property
    def unfolded(self) -> int:
        """Bytes that its packed members unfold to."""
        return _unfolded(self.entries)


@dataclass(frozen=True)
class _End:
    count: int
    size: int
    offset: int
    at: int


def looks_like_zip(view: memoryview) -> bool:
    """Whether the bytes begin as a zip archive, a version head included."""
    return view[2:4].tobytes() in (b"\x03\x04", b"\x05\x06") and head_of(view) in HEADS


def head_of(view: memoryview) -> str:
    """The first two bytes as text."""
    return bytes(view[:2]).decode("latin-1")


def find_end(view: memoryview) -> int:
    """Offset of the last end-of-directory record, or -1."""
    tail_start = max(0, len(view) - 65_557)
    position = bytes(view[tail_start:]).rfind(b"PK\x05\x06")
    return -1 if position < 0 else tail_start + position


def archive_start(view: memoryview) -> int:
    """Where an archive begins that a reader would find from the end of the file, whatever stands before it; or -1."""
    end = find_end(view)
    if end < 0 or end + 22 > len(view):
        return -1
    count, size, offset = struct.unpack("<H2I", view[end + 10 : end + 20])
    at = end
    if end >= 76 and view[end - 20 : end - 16].tobytes() == b"PK\x06\x07":
        at = end - 76
        if view[at : at + 4].tobytes() == b"PK\x06\x06":
            count, size, offset = struct.unpack("<3Q", view[at + 32 : at + 56])
    start = at - int(size) - int(offset)
    if start < 0 or (count and view[at - size : at - size + 4].tobytes() != b"PK\x01\x02"):
        return -1
    return start


def read_directory(view: memoryview, entry: str) -> Directory:
    """The members of the archive in ``view``. Raises ``Refused`` if it cannot be read at all."""
    findings: list[Finding] = []
    try:
        end = _read_end(view, entry, findings)
        entries = sorted(_central(view, end, entry, findings), key=lambda member: member.header)
        located = [_located(view, member, entry, findings) for member in entries]
    except (struct.error, UnicodeDecodeError, IndexError) as error:
        raise refuse("zip-broken", Place(entry), str(error)) from error
    unfolded = _unfolded(located)
    if unfolded > max(UNFOLDING_FLOOR, MAX_UNFOLDING * len(view)):
        raise Refused([*findings, found("bomb", Place(entry), f"{len(view)} bytes unfold to {unfolded}")])
    _check_coverage(view, located, end, entry, findings)
    _check_names(located, entry, findings)
    return Directory(tuple(located), tuple(findings))


def _unfolded(members: Iterable[Entry]) -> int:
    return sum(member.size for member in members if member.method != STORED)


def _read_end(view: memoryview, entry: str, findings: list[Finding]) -> _End:
    at = find_end(view)
    if at < 0:
        raise refuse("zip-broken", Place(entry), "it has no directory")
    disk, start_disk, here, count, size, offset, comment = struct.unpack("<4H2IH", view[at + 4 : at + 22])
    if at + 22 + comment != len(view):
        findings.append(found("zip-structure", Place(entry, at), "there are bytes behind its end"))
    elif comment:
        findings.append(found("zip-structure", Place(entry, at), "it has a comment"))
    if disk or start_disk or here != count:
        findings.append(found("zip-structure", Place(entry, at), "it spans several disks"))
    if at >= 20 and view[at - 20 : at - 16].tobytes() == b"PK\x06\x07":
        large = _read_large_end(view, at - 20, entry, findings)
        pairs = ((count, large.count, 0xFFFF), (size, large.size, _FULL32), (offset, large.offset, _FULL32))
        for small, full, sentinel in pairs:
            if small not in (full, sentinel):
                findings.append(found("zip-structure", Place(entry, at), "its two ends disagree"))
        return large
    return _End(count, size, offset, at)


def _read_large_end(view: memoryview, locator: int, entry: str, findings: list[Finding]) -> _End:
    """The 64-bit end. Some readers find it by its locator, others look right before that: both must be one place."""
    start_disk, at, disks = struct.unpack("<IQI", view[locator + 4 : locator + 20])
    if view[at : at + 4].tobytes() != b"PK\x06\x06":
        raise IndexError("the 64-bit directory end is not where it should be")
    length, _, disk, directory_disk, here, count, size, offset = struct.unpack("<QI2I4Q", view[at + 4 : at + 56])
    if at + _LARGE_END != locator or length != _LARGE_END - 12:
        findings.append(found("zip-structure", Place(entry, at), "there are bytes behind its 64-bit end"))
    if start_disk or disks > 1 or disk or directory_disk or here != count:
        findings.append(found("zip-structure", Place(entry, at), "it spans several disks"))
    return _End(count, size, offset, at)


def _central(view: memoryview, end: _End, entry: str, findings: list[Finding]) -> Iterator[Entry]:
    if end.offset + end.size != end.at:
        findings.append(found("zip-structure", Place(entry, end.at), "its directory is not where it says"))
    if end.count > MAX_ENTRIES:
        raise refuse("bomb", Place(entry), f"{end.count} members")
    at = end.offset
    for _ in range(end.count):
        if view[at : at + 4].tobytes() != b"PK\x01\x02":
            raise IndexError(f"no directory record at {at}")
        flags, method = struct.unpack("<2H", view[at + 8 : at + 12])
        crc, packed, size, name_size, extra_size, comment_size = struct.unpack("<3I3H", view[at + 16 : at + 34])
        attributes, header = struct.unpack("<2I", view[at + 38 : at + 46])
        name = _decoded(bytes(view[at + 46 : at + 46 + name_size]))
        extra = bytes(view[at + 46 + name_size : at + 46 + name_size + extra_size])
        size, packed, header = _wide(extra, size, packed, header, Place(entry, at))
        if (attributes >> 28) == 0xA:
            findings.append(found("zip-name", Place(entry, at), f"{name} is a link"))
        yield Entry(name, -1, packed, size, method, flags, crc, header)
        at += 46 + name_size + extra_size + comment_size
    if at != end.offset + end.size:
        findings.append(found("zip-structure", Place(entry, at), "its directory has hidden records"))


def _decoded(raw: bytes) -> str:
    """UTF-8 where it is, else code page 437: what every zip reader does. Hostile names must not stop reading."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp437")


def _wide(extra: bytes, size: int, packed: int, header: int, place: Place) -> tuple[int, int, int]:
    """Replace 32-bit sentinels by the values of the zip64 extra field. Raises ``Refused`` if there are two of them."""
    values: list[int] | None = None
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        if kind == 1:
            if values is not None:
                raise refuse("zip-structure", place, "two 64-bit sizes or places for one member")
            count = min(length, len(extra) - at - 4) // 8
            values = list(struct.unpack_from(f"<{count}Q", extra, at + 4))
        at += 4 + length
    wide = [values.pop(0) if value == _FULL32 and values else value for value in (size, packed, header)]
    return wide[0], wide[1], wide[2]


def _located(view: memoryview, member: Entry, entry: str, findings: list[Finding]) -> Entry:
    """The member with the start of its bytes, its local header checked against the directory."""
    at, place = member.header, Place(f"{entry}!{member.name}", member.header)
    signature = bytes(view[at : at + 4])
    headed = at == 0 and signature[2:] == b"\x03\x04" and head_of(view) in HEADS
    if signature != b"PK\x03\x04" and not headed:
        raise IndexError(f"no header for {member.name[:60]!r} at {at}")
    flags, method = struct.unpack("<2H", view[at + 6 : at + 10])
    crc, packed, size, name_size, extra_size = struct.unpack("<3I2H", view[at + 14 : at + 30])
    name = _decoded(bytes(view[at + 30 : at + 30 + name_size]))
    start = at + 30 + name_size + extra_size
    size, packed, _ = _wide(bytes(view[start - extra_size : start]), size, packed, 0, place)
    if name != member.name:
        findings.append(found("zip-structure", place, f"two names for one member: {name} and {member.name}"))
    if method != member.method or flags != member.flags:
        findings.append(found("zip-structure", place, "its two headers disagree on flags or method"))
    blank = bool(flags & _DESCRIPTOR) and (crc, packed, size) == (0, 0, 0)
    if not blank and (crc, packed, size) != (member.crc, member.packed, member.size):
        findings.append(found("zip-structure", place, "its two headers disagree on size or checksum"))
    if (flags | member.flags) & _ENCRYPTED:
        findings.append(found("zip-encrypted", place, member.name))
    elif (flags | member.flags) & ~_KNOWN_FLAGS:
        findings.append(found("zip-structure", place, f"unknown flags 0x{flags | member.flags:x}"))
    if start + member.packed > len(view):
        raise IndexError(f"{member.name[:60]!r} is cut off")
    return Entry(member.name, start, member.packed, member.size, member.method, member.flags, member.crc, at)


def _check_coverage(view: memoryview, members: list[Entry], end: _End, entry: str, findings: list[Finding]) -> None:
    """Members must follow each other without gaps or overlaps, from the first byte to the directory."""
    position = 0
    for member in members:
        if member.header != position:
            what = "bytes between its members" if member.header > position else "members that overlap"
            findings.append(found("zip-structure", Place(entry, position), f"it has {what}"))
        position = member.start + member.packed
        position += _descriptor_size(view, member, position)
    if position != end.offset:
        findings.append(found("zip-structure", Place(entry, position), "it has bytes before its directory"))


def _descriptor_size(view: memoryview, member: Entry, at: int) -> int:
    """Bytes of the data descriptor behind a member whose sizes were not known when it was written."""
    if not member.flags & _DESCRIPTOR:
        return 0
    for layout in ("<4s3I", "<4sI2Q"):
        length = struct.calcsize(layout)
        if at + length <= len(view):
            signature, crc, packed, size = struct.unpack(layout, view[at : at + length])
            if (signature, crc, packed, size) == (b"PK\x07\x08", member.crc, member.packed, member.size):
                return length
    return 0


def _check_names(members: list[Entry], entry: str, findings: list[Finding]) -> None:
    seen: set[str] = set()
    for member in members:
        name = member.name
        if name.lower() in seen:
            findings.append(found("zip-duplicate", Place(f"{entry}!{name[:80]}", member.header), name))
        seen.add(name.lower())
        parts = name.rstrip("/").split("/")
        odd = not name or len(name) > MAX_NAME or not name.isprintable() or "\\" in name or ":" in name[:3]
        if odd or name.startswith("/") or ".." in parts or "" in parts:
            findings.append(found("zip-name", Place(f"{entry}!{name[:80]}", member.header), name))
