"""The bytes of zip members: unpacked within bounds, checksums verified."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from voicescan.findings import Finding, Place, Refused
from voicescan.limits import MAX_RATIO
from voicescan.rules import found, refuse
from voicescan.zip_directory import DEFLATED, STORED, Entry

_SMALL = 1 << 20
_THREADS = min(4, os.cpu_count() or 1)


def content(view: memoryview, member: Entry, entry: str) -> memoryview:
    """The unpacked bytes of a member, without a copy where it is stored. Raises ``Refused``."""
    place = Place(f"{entry}!{member.name}", member.header)
    packed = view[member.start : member.start + member.packed]
    if member.method == STORED:
        if member.packed != member.size:
            raise refuse("zip-structure", place, "a stored member with two sizes")
        return packed
    if member.method != DEFLATED:
        raise refuse("zip-structure", place, f"compression method {member.method}")
    if member.size > _SMALL and member.size > MAX_RATIO * member.packed:
        raise refuse("bomb", place, f"{member.packed} bytes unfold to {member.size}")
    return memoryview(_inflated(packed, member.size, place))


def _inflated(packed: memoryview, size: int, place: Place) -> bytes:
    stream = zlib.decompressobj(-15)
    try:
        data = stream.decompress(packed, size + 1)
    except zlib.error as error:
        raise refuse("zip-broken", place, str(error)) from error
    if len(data) != size or stream.unconsumed_tail or stream.unused_data or not stream.eof:
        raise refuse("zip-structure", place, "a member with another size than declared")
    return data


def check_sums(view: memoryview, members: Iterable[Entry], entry: str) -> list[Finding]:
    """Findings for every member whose CRC-32 is wrong or whose bytes cannot be unpacked."""

    def check(member: Entry) -> list[Finding]:
        try:
            actual = zlib.crc32(content(view, member, entry))
        except Refused as refused:
            return list(refused.findings)
        if actual == member.crc:
            return []
        return [found("zip-crc", Place(f"{entry}!{member.name}", member.header), member.name)]

    listed = list(members)
    if sum(member.packed for member in listed) < _SMALL:
        return [finding for member in listed for finding in check(member)]
    with ThreadPoolExecutor(_THREADS) as pool:
        return [finding for findings in pool.map(check, listed) for finding in findings]
