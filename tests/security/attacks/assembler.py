"""Pickle opcodes by hand: honest picklers do not write what attackers do."""

from __future__ import annotations

import pickle
import struct

STOP = b"."
POP = b"0"
MARK = b"("


def proto(version: int = 2) -> bytes:
    """The protocol header; protocols 0 and 1 have none."""
    return b"\x80" + bytes([version]) if version >= 2 else b""


def text(value: str) -> bytes:
    """A text constant."""
    raw = value.encode("utf-8", "surrogatepass")
    return b"X" + struct.pack("<I", len(raw)) + raw


def named(module: str, name: str) -> bytes:
    """A global by the GLOBAL opcode."""
    return b"c" + module.encode() + b"\n" + name.encode() + b"\n"


def stacked(module: str, name: str) -> bytes:
    """A global by STACK_GLOBAL."""
    return text(module) + text(name) + b"\x93"


def values(*items: object) -> bytes:
    """A tuple of plain values; bytes are taken as opcodes already assembled."""
    return MARK + b"".join(item if isinstance(item, bytes) else plain(item) for item in items) + b"t"


def plain(value: object) -> bytes:
    """A plain value as opcodes."""
    if isinstance(value, str):
        return text(value)
    return pickle.dumps(value, protocol=2)[2:-1]


def call(module: str, name: str, *args: object, how: str = "global") -> bytes:
    """The opcodes of ``module.name(*args)``; the result stays on the stack."""
    function = named(module, name) if how == "global" else stacked(module, name)
    return function + values(*args) + b"R"


def whole(body: bytes, version: int = 2) -> bytes:
    """A complete pickle of one value."""
    return proto(version) + body + STOP


def before(honest: bytes, attack: bytes) -> bytes:
    """An honest pickle (protocol 2 or later) with opcodes run first and their result dropped."""
    return honest[:2] + attack + POP + honest[2:]
