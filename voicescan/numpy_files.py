"""numpy's ``.npy`` files: the header is matched, never evaluated; objects are followed by the pickle interpreter.

Source: numpy's format description (NEP 1).
"""

from __future__ import annotations

import math
import re

from voicescan.findings import Finding, Place
from voicescan.pickles import read_whole
from voicescan.rules import found

MAGIC = b"\x93NUMPY"
_MAX_HEADER = 4096
_HEADER = re.compile(
    rb"\{'descr': '([<>|=])([biufcUSmMVO])(\d{0,6})', 'fortran_order': (True|False), "
    rb"'shape': \(((?:\d{1,12}, ?){0,32}\d{0,12})\),? ?\} *\n\Z"
)
_OBJECT = re.compile(rb"'\|?O\d?'|\bobject\b")


def read_npy(view: memoryview, entry: str) -> list[Finding]:
    """What is wrong with the file; none if it is an array of plain numbers that fills the file exactly."""
    width = 2 if view[6:7].tobytes() == b"\x01" else 4
    size = int.from_bytes(view[8 : 8 + width], "little")
    start = 8 + width + size
    if size > _MAX_HEADER or start > len(view):
        return [found("numpy-broken", Place(entry, 8), f"a header of {size} bytes")]
    header = bytes(view[8 + width : start])
    match = _HEADER.match(header)
    if _OBJECT.search(header) or (match and match[2] == b"O"):
        findings = read_whole(bytes(view[start:]), f"{entry}!objects").findings
        return [found("numpy-objects", Place(entry, start), header[:80].decode("latin-1")), *findings]
    if match is None or match[2] not in b"biufcSU":
        return [found("numpy-broken", Place(entry, 8 + width), "elements that are not numbers")]
    count = math.prod(int(item) for item in match[5].replace(b" ", b"").split(b",") if item)
    if count * int(match[3] or 1) * (4 if match[2] == b"U" else 1) != len(view) - start:
        return [found("numpy-broken", Place(entry, start), "its size does not match its shape")]
    return []
