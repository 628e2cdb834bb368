"""Writes the one pickle that a checkpoint needs, opcode by opcode (protocol 2), without any object protocol.

Only plain containers, scalars, tensors and configuration bags can be expressed; nothing that is written can do more
when it is read than build those.
"""

from __future__ import annotations

import pickle
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

STORAGES = {
    np.dtype(np.float16): "HalfStorage",
    np.dtype(np.float32): "FloatStorage",
    np.dtype(np.float64): "DoubleStorage",
    np.dtype(np.int64): "LongStorage",
    np.dtype(np.int32): "IntStorage",
    np.dtype(np.int16): "ShortStorage",
    np.dtype(np.int8): "CharStorage",
    np.dtype(np.uint8): "ByteStorage",
    np.dtype(np.bool_): "BoolStorage",
}


@dataclass(frozen=True)
class Bag:
    """A mapping that is written as an instance of ``utils.HParams``, the original's configuration class."""

    values: Mapping[str, Any]


def as_bag(config: Mapping[str, Any]) -> Bag:
    """A nested configuration as nested bags, as the original saves fine-tuned stage-2 files."""
    return Bag({key: as_bag(value) if isinstance(value, Mapping) else value for key, value in config.items()})


class PickleWriter:
    """Collects opcodes; tensors are numbered in the order in which they are met and kept in ``arrays``."""

    def __init__(self) -> None:
        self.arrays: list[NDArray[Any]] = []
        self._out = bytearray(pickle.PROTO + b"\x02")

    def finish(self, value: object) -> bytes:
        """The pickle of ``value``."""
        self._write(value)
        return bytes(self._out + pickle.STOP)

    def _write(self, value: object) -> None:
        if value is None or isinstance(value, bool | int | float | str):
            self._out += _scalar(value)
        elif isinstance(value, np.ndarray):
            self._write_tensor(value)
        elif isinstance(value, Bag):
            self._out += _global("utils", "HParams") + pickle.EMPTY_TUPLE + pickle.NEWOBJ
            self._write(dict(value.values))
            self._out += pickle.BUILD
        elif isinstance(value, Mapping):
            self._out += pickle.EMPTY_DICT
            self._write_marked([part for item in value.items() for part in item], pickle.SETITEMS)
        elif isinstance(value, tuple):
            self._write_tuple(value)
        elif isinstance(value, Sequence):
            self._out += pickle.EMPTY_LIST
            self._write_marked(value, pickle.APPENDS)
        else:
            raise TypeError(f"A checkpoint cannot hold a {type(value).__name__}.")

    def _write_marked(self, parts: Sequence[object], opcode: bytes) -> None:
        if not parts:
            return
        self._out += pickle.MARK
        for part in parts:
            self._write(part)
        self._out += opcode

    def _write_tuple(self, parts: tuple[object, ...]) -> None:
        if not parts:
            self._out += pickle.EMPTY_TUPLE
        self._write_marked(parts, pickle.TUPLE)

    def _write_tensor(self, array: NDArray[Any]) -> None:
        storage = STORAGES.get(array.dtype)
        if storage is None:
            raise TypeError(f"A checkpoint cannot hold tensors of type {array.dtype}.")
        key = str(len(self.arrays))
        self.arrays.append(np.ascontiguousarray(array))
        self._out += _global("torch._utils", "_rebuild_tensor_v2") + pickle.MARK
        self._out += pickle.MARK + _scalar("storage") + _global("torch", storage)
        self._out += _scalar(key) + _scalar("cpu") + _scalar(array.size) + pickle.TUPLE + pickle.BINPERSID
        self._out += _scalar(0)
        self._write_tuple(array.shape)
        self._write_tuple(_strides(array.shape))
        self._out += pickle.NEWFALSE + _global("collections", "OrderedDict") + pickle.EMPTY_TUPLE + pickle.REDUCE
        self._out += pickle.TUPLE + pickle.REDUCE


def _strides(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Row-major strides in elements."""
    strides = [1]
    for extent in reversed(shape[1:]):
        strides.insert(0, strides[0] * extent)
    return tuple(strides) if shape else ()


def _global(module: str, name: str) -> bytes:
    return pickle.GLOBAL + f"{module}\n{name}\n".encode()


def _scalar(value: bool | int | float | str | None) -> bytes:
    if value is None:
        return pickle.NONE
    if isinstance(value, bool):
        return pickle.NEWTRUE if value else pickle.NEWFALSE
    if isinstance(value, str):
        encoded = value.encode("utf-8", "surrogatepass")
        return pickle.BINUNICODE + struct.pack("<I", len(encoded)) + encoded
    if isinstance(value, float):
        return pickle.BINFLOAT + struct.pack(">d", value)
    return _integer(value)


def _integer(value: int) -> bytes:
    if 0 <= value < 256:
        return pickle.BININT1 + struct.pack("<B", value)
    if -(2**31) <= value < 2**31:
        return pickle.BININT + struct.pack("<i", value)
    encoded = pickle.encode_long(value)
    return pickle.LONG1 + struct.pack("<B", len(encoded)) + encoded
