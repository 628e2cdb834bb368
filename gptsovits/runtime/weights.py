"""An ONNX file without its large weights, which stay in the file: onnxruntime maps them from there.

Read whole, a graph lies in memory twice while it is opened, and much of that is never given back. The format is
protobuf: a message is a row of fields, each a number and a value (https://protobuf.dev/programming-guides/encoding).
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SMALLEST = 1 << 16
"""Bytes of the smallest tensor that stays in the file: those are matrices, which are packed or read row by row."""
_GRAPH, _INITIALIZER = 7, 5
"""Fields of ModelProto and GraphProto."""
_RAW_DATA, _EXTERNAL_DATA, _DATA_LOCATION, _EXTERNAL = 9, 13, 14, 1
"""Fields of TensorProto, and the location that means another file."""
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def without_weights(path: Path) -> bytes:
    """The graph in ``path``, whose large tensors say where in that file they are.

    Raises:
        ValueError: it is no protobuf message.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        try:
            return _model(content, path.name)
        except IndexError as error:
            raise ValueError(f"{path} ends in the middle of a field.") from error


@dataclass(frozen=True)
class _Field:
    """A field from byte ``start`` to ``end``; its value begins at ``value``."""

    number: int
    start: int
    value: int
    end: int

    @property
    def size(self) -> int:
        return self.end - self.value


def _model(content: mmap.mmap, name: str) -> bytes:
    parts = []
    for field in _fields(content, 0, len(content)):
        if field.number == _GRAPH:
            parts.append(_of_bytes(_GRAPH, _graph(content, field, name)))
        else:
            parts.append(content[field.start : field.end])
    return b"".join(parts)


def _graph(content: mmap.mmap, graph: _Field, name: str) -> bytes:
    parts = []
    for field in _fields(content, graph.value, graph.end):
        large = field.number == _INITIALIZER and field.size >= SMALLEST
        parts.append(_tensor(content, field, name) if large else content[field.start : field.end])
    return b"".join(parts)


def _tensor(content: mmap.mmap, tensor: _Field, name: str) -> bytes:
    """The tensor with a place instead of its data; as it is where its data are not in one piece."""
    fields = list(_fields(content, tensor.value, tensor.end))
    data = next((field for field in fields if field.number == _RAW_DATA), None)
    if data is None:
        return content[tensor.start : tensor.end]
    kept = [content[field.start : field.end] for field in fields if field is not data]
    place = {"location": name, "offset": str(data.value), "length": str(data.size)}
    entries = [_of_bytes(1, key.encode()) + _of_bytes(2, value.encode()) for key, value in place.items()]
    kept += [_of_bytes(_EXTERNAL_DATA, entry) for entry in entries]
    kept.append(_varint(_DATA_LOCATION << 3 | _VARINT) + _varint(_EXTERNAL))
    return _of_bytes(_INITIALIZER, b"".join(kept))


def _fields(content: mmap.mmap, start: int, end: int) -> Iterator[_Field]:
    at = start
    while at < end:
        key, value = _read_varint(content, at)
        kind = key & 7
        if kind == _BYTES:
            size, value = _read_varint(content, value)
            after = value + size
        elif kind == _VARINT:
            after = _read_varint(content, value)[1]
        elif kind in (_FIXED64, _FIXED32):
            after = value + (8 if kind == _FIXED64 else 4)
        else:
            raise ValueError(f"There is no field of kind {kind}.")
        if after > end:
            raise ValueError("A field is longer than its message.")
        yield _Field(key >> 3, at, value, after)
        at = after


def _read_varint(content: mmap.mmap, at: int) -> tuple[int, int]:
    """The number at a place, and where it ends: seven bits a byte, lowest first."""
    number = shift = 0
    while True:
        byte = content[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
        shift += 7


def _varint(number: int) -> bytes:
    row = bytearray()
    while number >= 0x80:
        row.append(number & 0x7F | 0x80)
        number >>= 7
    row.append(number)
    return bytes(row)


def _of_bytes(number: int, value: bytes) -> bytes:
    return _varint(number << 3 | _BYTES) + _varint(len(value)) + value
