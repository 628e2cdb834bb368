"""The only way out of the sandbox: frames on one pipe. A frame is a JSON header with its length, and raw bytes."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, BinaryIO

_LENGTH = struct.Struct("<II")
MAX_HEADER = 8 << 20
PIECE = 1 << 20


class Channel:
    """The end inside. Headers must be JSON-able; `payload` follows in pieces, so that nothing large is held."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def send(self, header: Mapping[str, Any], payload: Iterable[bytes | memoryview] = ()) -> None:
        """Sends one frame and its payload pieces."""
        packed = json.dumps(header, ensure_ascii=False).encode()
        self._stream.write(_LENGTH.pack(len(packed), 0) + packed)
        for piece in payload:
            view = memoryview(piece).cast("B")
            for start in range(0, len(view), PIECE):
                part = view[start : start + PIECE]
                self._stream.write(_LENGTH.pack(0, len(part)))
                self._stream.write(part)
        self._stream.write(_LENGTH.pack(0, 0))
        self._stream.flush()


class BadFrame(ValueError):
    """What came out of the sandbox is no frame: whoever sent it is not our program any more."""


class Frame:
    """The end outside: a header, and pieces that must be read before the next frame."""

    def __init__(self, header: dict[str, Any], stream: BinaryIO) -> None:
        self.header = header
        self._stream = stream
        self._ended = False

    def pieces(self) -> Iterator[bytes]:
        """The payload as it comes."""
        while not self._ended:
            header, size = _LENGTH.unpack(_exactly(self._stream, _LENGTH.size))
            if header or size > PIECE:
                raise BadFrame("payload out of step")
            self._ended = size == 0
            if size:
                yield _exactly(self._stream, size)

    def drain(self) -> None:
        """Reads what is left of the payload and drops it."""
        for _ in self.pieces():
            pass


def frames(stream: BinaryIO) -> Iterator[Frame]:
    """All frames until the pipe closes; BadFrame if the bytes make no sense."""
    while first := stream.read(_LENGTH.size):
        if len(first) < _LENGTH.size:
            raise BadFrame("cut off")
        size, payload = _LENGTH.unpack(first)
        if payload or not 0 < size <= MAX_HEADER:
            raise BadFrame("no header")
        header = _parse(_exactly(stream, size))
        frame = Frame(header, stream)
        yield frame
        frame.drain()


def _parse(raw: bytes) -> dict[str, Any]:
    try:
        header = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise BadFrame("header is no JSON") from error
    if not isinstance(header, dict):
        raise BadFrame("header is no object")
    return header


def _exactly(stream: BinaryIO, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise BadFrame("cut off")
    return data
