"""Waves to files, sound by sound: libsndfile encodes, soxr changes the rate, mutagen writes the label.

A stream holds back nothing but what its encoder gathers (an Opus page is a second long), and its label comes first. A
whole file is written to a file object that can seek, so that lengths and tags in it are right.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, BinaryIO, Protocol

import numpy as np
import soundfile
import soxr

from gptsovits.audio.containers import Container
from gptsovits.audio.dsp import Floats, pcm16
from gptsovits.audio.tags import write_tag
from gptsovits.runtime.label import aigc, wav_head

STREAMED: Mapping[str, Mapping[str, Any]] = {"mp3": {"bitrate_mode": "CONSTANT", "compression_level": 0.6}}
"""How a stream is encoded that never gets the head with its length: where all frames are as long as the first, readers
compute it. Of a variable rate they took half: libsndfile and players stopped, or showed the end, in the middle."""


class Encoder(Protocol):
    """Takes sounds, gives the bytes that are ready."""

    def push(self, wave: Floats) -> bytes:
        """The next samples ``(L,)`` at the rate of the file."""

    def end(self) -> bytes:
        """What is left."""


class Rate:
    """A change of sample rate that goes on from sound to sound."""

    def __init__(self, source: int, target: int) -> None:
        self._stream = None if source == target else soxr.ResampleStream(source, target, 1, dtype="float32")

    def change(self, wave: Floats, last: bool = False) -> Floats:
        """The samples that are ready; with ``last`` all that are left."""
        if self._stream is None:
            return wave
        return np.asarray(self._stream.resample_chunk(np.ascontiguousarray(wave, np.float32), last=last), np.float32)


def stream(
    waves: Iterable[Floats], source_rate: int, container: Container, rate: int, produce_id: str
) -> Iterator[bytes]:
    """The file in parts, as the sounds ``(L,)`` at ``source_rate`` Hz come; ``rate`` is that of the file."""
    resampler, encoder = Rate(source_rate, rate), _encoder(container, rate, produce_id)
    for wave in waves:
        yield encoder.push(resampler.change(wave))
    yield encoder.push(resampler.change(np.zeros(0, np.float32), last=True)) + encoder.end()


def write(
    waves: Iterable[Floats], source_rate: int, container: Container, rate: int, produce_id: str, target: BinaryIO
) -> float:
    """Writes the whole file to ``target`` (empty, can read, write and seek); answers its length in seconds."""
    resampler, samples = Rate(source_rate, rate), 0
    encoded = container.kind is not None
    writer = _WholeEncoded(target, container, rate) if encoded else _WholePlain(target, container, rate, produce_id)
    for wave in waves:
        samples += writer.write(resampler.change(wave))
    samples += writer.write(resampler.change(np.zeros(0, np.float32), last=True))
    writer.close(samples)
    if encoded:
        write_tag(target, container.name, label_text(produce_id))
    return samples / rate


def label_text(produce_id: str) -> str:
    """The value of the field `AIGC` as JSON."""
    return json.dumps(aigc(produce_id)["AIGC"], ensure_ascii=False)


def _encoder(container: Container, rate: int, produce_id: str) -> Encoder:
    if container.kind:
        return _Encoded(container, rate, produce_id)
    return _Plain(wav_head(rate, produce_id, None) if container.labelled else b"")


def _samples(wave: Floats) -> bytes:
    return pcm16(np.asarray(wave, np.float32)).astype("<i2").tobytes()


class _Plain:
    """16-bit little-endian samples behind a head."""

    def __init__(self, head: bytes) -> None:
        self._head = head

    def push(self, wave: Floats) -> bytes:
        head, self._head = self._head, b""
        return head + _samples(wave)

    def end(self) -> bytes:
        return b""


class _Encoded:
    """What libsndfile writes; the label goes into the first block."""

    def __init__(self, container: Container, rate: int, produce_id: str) -> None:
        assert container.kind is not None
        self._name, self._label = container.name, label_text(produce_id)
        self._sink, self._labelled = _Sink(), False
        major, subtype = container.kind
        more = STREAMED.get(container.name, {})
        self._file = soundfile.SoundFile(self._sink, "w", rate, 1, subtype, format=major, **more)

    def push(self, wave: Floats) -> bytes:
        self._file.write(pcm16(np.asarray(wave, np.float32)))
        return self._taken()

    def end(self) -> bytes:
        self._file.close()
        return self._taken()

    def _taken(self) -> bytes:
        block = self._sink.take()
        if block and not self._labelled:
            self._labelled = True
            first = io.BytesIO(block)
            write_tag(first, self._name, self._label)
            return first.getvalue()
        return block


class _Sink(io.RawIOBase):
    """What was written at the end is taken away at once; what libsndfile would correct afterwards is gone already."""

    def __init__(self) -> None:
        self._place, self._end = 0, 0
        self._waiting = bytearray()

    def take(self) -> bytes:
        """All that was written since."""
        block = bytes(self._waiting)
        self._waiting.clear()
        return block

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        self._place = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._end}[whence]
        return self._place

    def tell(self) -> int:
        return self._place

    def write(self, data: bytes, /) -> int:  # type: ignore[override]
        fresh = data[max(0, self._end - self._place) :] if self._place <= self._end else data
        self._waiting += fresh
        self._place += len(data)
        self._end = max(self._end, self._place)
        return len(data)


class _WholePlain:
    """A WAV or raw samples; the head is written again when the length is known."""

    def __init__(self, target: BinaryIO, container: Container, rate: int, produce_id: str) -> None:
        self._target, self._rate, self._produce_id, self._headed = target, rate, produce_id, container.labelled
        if self._headed:
            target.write(wav_head(rate, produce_id, None))

    def write(self, wave: Floats) -> int:
        self._target.write(_samples(wave))
        return len(wave)

    def close(self, samples: int) -> None:
        if self._headed:
            self._target.seek(0)
            self._target.write(wav_head(self._rate, self._produce_id, 2 * samples))


class _WholeEncoded:
    """A file of libsndfile."""

    def __init__(self, target: BinaryIO, container: Container, rate: int) -> None:
        assert container.kind is not None
        major, subtype = container.kind
        self._file = soundfile.SoundFile(target, "w", rate, 1, subtype, format=major)

    def write(self, wave: Floats) -> int:
        self._file.write(pcm16(np.asarray(wave, np.float32)))
        return len(wave)

    def close(self, samples: int) -> None:
        self._file.close()
