"""Reading one pickle, or several in a row, out of foreign bytes."""

from __future__ import annotations

import itertools
import re
import string
from collections.abc import Iterator
from dataclasses import dataclass

from voicescan.findings import Finding, Place
from voicescan.limits import MAX_PICKLE
from voicescan.machine import Beyond, Broken, Machine
from voicescan.opcodes import TABLE
from voicescan.rules import found
from voicescan.values import Global

_MAX_STREAMS = 64
HIDING_PLACE = 1 << 16
"""How far into a storage a hidden pickle is followed, in bytes."""


@dataclass(frozen=True)
class Parsed:
    """The abstract value of a pickle, its findings, and where it ended. ``complete`` is False if it broke off.

    ``beyond``: why, where an unpickler would read on.
    """

    value: object
    findings: tuple[Finding, ...]
    end: int
    complete: bool
    names: tuple[Global, ...] = ()
    beyond: str = ""


def read_one(data: bytes | memoryview, entry: str, base: int = 0) -> Parsed:
    """Follow the pickle at the start of ``data``."""
    machine = Machine(bytes(data[:MAX_PICKLE]), entry, max(0, len(data) - MAX_PICKLE), base=base)
    try:
        value = machine.run(TABLE)
    except Broken as broken:
        where = Place(entry, base + machine.at)
        findings = (*machine.findings, found("pickle-broken", where, str(broken)))
        beyond = str(broken) if isinstance(broken, Beyond) else ""
        return Parsed(None, findings, machine.pos, False, tuple(machine.names), beyond)
    return Parsed(value, tuple(machine.findings), machine.pos, True, tuple(machine.names))


def read_whole(data: bytes, entry: str) -> Parsed:
    """The one pickle that ``data`` must be. What follows it is a finding, and is followed too."""
    if len(data) > MAX_PICKLE:
        large = found("pickle-too-large", Place(entry), f"{len(data)} bytes")
        return Parsed(None, (large, *read_one(data, entry).findings), MAX_PICKLE, False)
    first = read_one(data, entry)
    findings, position = list(first.findings), first.end
    if first.complete and position < len(data):
        findings.append(found("pickle-trailing", Place(entry, position), f"{len(data) - position} bytes"))
    view = memoryview(data)
    for _ in range(_MAX_STREAMS):
        if not first.complete or position >= len(data):
            break
        following = read_one(view[position:], entry, position)
        findings += following.findings
        position += following.end
        if not following.complete:
            break
    return Parsed(first.value, tuple(findings), position, first.complete, first.names)


def hides_pickle(data: bytes | memoryview) -> str | None:
    """What a pickle hidden at the start of other data names, or None if there is none.

    Random numbers may look like an opcode or two; a dotted name of plain letters is no accident.
    """
    return _named(read_one(data, ""))


def _named(parsed: Parsed) -> str | None:
    return next((str(name) for name in parsed.names if _MODULE.match(name.module) and _MODULE.match(name.name)), None)


def poses_as_other(view: memoryview, entry: str) -> list[Finding]:
    """What an unpickler would find at the start of a file that is something else, or that it cannot be told."""
    parsed = read_one(view, entry)
    name = _named(parsed)
    if name is not None:
        return [found("pickle-hidden", Place(entry, 0), name)]
    return [found("pickle-too-large", Place(entry, 0), parsed.beyond)] if parsed.beyond else []


def hides_pickle_within(data: memoryview) -> str | None:
    """Like ``hides_pickle`` at the start of data and at every likely start near its two ends."""
    at_start = hides_pickle(data[:HIDING_PLACE])
    if at_start:
        return at_start
    ends = [data] if len(data) <= 2 * HIDING_PLACE else [data[:HIDING_PLACE], data[-HIDING_PLACE:]]
    for end in map(bytes, ends):
        for start in itertools.islice(_starts(end), _MAX_STARTS):
            hidden = hides_pickle(end[start : start + _LOOK])
            if hidden:
                return hidden
    return None


def _starts(data: bytes) -> Iterator[int]:
    """Every protocol header before a usual first opcode, and every name as text opcodes write it, in linear time.

    A name is looked for from the newline between its two lines: newlines are found fast, and no byte is read twice.
    """
    yield from (header.start() for header in _HEADER.finditer(data))
    for second in _SECOND_LINE.finditer(data):
        line = data[data.rfind(b"\n", 0, second.start()) + 1 : second.start()]
        first = _FIRST_LINE.search(line, len(line.rstrip(_OF_NAMES)))
        if first:
            yield second.start() - len(line) + first.start()


_MODULE = re.compile(r"[A-Za-z_][A-Za-z0-9_.]+\Z")
_HEADER = re.compile(rb"\x80[\x01-\x05][\x95\x8cc}\](X]")
_SECOND_LINE = re.compile(rb"\n(?=[A-Za-z_][A-Za-z0-9_.]++\n)")
_FIRST_LINE = re.compile(rb"c[A-Za-z_][A-Za-z0-9_.]")
_OF_NAMES = string.ascii_letters.encode() + string.digits.encode() + b"_."
_MAX_STARTS = 64
_LOOK = 4096
