"""The protobuf wire format, read field by field without copying.

Source: the encoding page of the protocol buffers documentation.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class BadWire(ValueError):
    """Bytes that are no protobuf message."""


@dataclass
class Budget:
    """How many more fields may be read; nested messages share one."""

    left: int = field(default=1_000_000)

    def spend(self) -> None:
        """Count one field. Raises ``BadWire`` when there are too many."""
        self.left -= 1
        if self.left < 0:
            raise BadWire("too many fields")


def varint(data: memoryview, at: int) -> tuple[int, int]:
    """The number at ``at`` (at most 64 bits) and the offset behind it."""
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise BadWire("a number without an end")
        code = data[at]
        value |= (code & 0x7F) << shift
        at += 1
        shift += 7
        if code < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, at


def fields(data: memoryview, budget: Budget) -> Iterator[tuple[int, int | memoryview]]:
    """Number and value of every field: an int for numbers, a view for everything with a length."""
    at = 0
    while at < len(data):
        budget.spend()
        key, at = varint(data, at)
        number, kind = key >> 3, key & 7
        if number == 0:
            raise BadWire("a field without a number")
        if kind == _VARINT:
            value, at = varint(data, at)
            yield number, value
            continue
        if kind == _BYTES:
            length, at = varint(data, at)
        elif kind in (_FIXED64, _FIXED32):
            length = 8 if kind == _FIXED64 else 4
        else:
            raise BadWire(f"wire type {kind}")
        if length > len(data) - at:
            raise BadWire("a field that is cut off")
        yield number, data[at : at + length]
        at += length


def numbers(value: int | memoryview) -> list[int]:
    """A repeated number field, packed or not."""
    if isinstance(value, int):
        return [value]
    result, at = [], 0
    while at < len(value):
        item, at = varint(value, at)
        result.append(item)
    return result
