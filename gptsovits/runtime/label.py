"""Every synthesised file says that it is synthetic.

The implicit label of GB 45438-2025 (annex E): a JSON object `AIGC` in the metadata of the file, here in the comment of
the LIST/INFO chunk of a RIFF file.
"""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np

from gptsovits.audio.dsp import pcm16
from gptsovits.runtime.sampling import Floats

PRODUCER = "voicehub"
GENERATED = "1"
"""The value of `Label` for content that a machine made (2 is probably, 3 is suspected)."""


UNKNOWN_SIZE = 0xFFFFFFFF


def aigc(produce_id: str, producer: str = PRODUCER) -> dict[str, dict[str, str]]:
    """The label; ``produce_id`` names the voice and version, or the piece of work."""
    return {
        "AIGC": {
            "Label": GENERATED,
            "ContentProducer": producer,
            "ProduceID": produce_id,
            "ReservedCode1": "",
            "ContentPropagator": producer,
            "PropagateID": produce_id,
            "ReservedCode2": "",
        }
    }


def labelled_wav(wave: Floats, sample_rate: int, produce_id: str) -> bytes:
    """A RIFF file: mono ``wave (L,)`` as 16 bit at ``sample_rate`` Hz, with the label."""
    samples = pcm16(np.asarray(wave, np.float32)).astype("<i2").tobytes()
    return wav_head(sample_rate, produce_id, len(samples)) + samples


def wav_head(sample_rate: int, produce_id: str, data_bytes: int | None) -> bytes:
    """What comes before the 16-bit mono samples of a RIFF file, the label included; always of the same length.

    ``data_bytes`` None is a stream whose length nobody knows yet: both sizes are then the largest number, which players
    read as "until the end".
    """
    layout = struct.pack("<HHIIHH", 1, 1, sample_rate, 2 * sample_rate, 2, 16)
    comment = json.dumps(aigc(produce_id), ensure_ascii=False).encode() + b"\0"
    info = b"INFO" + _chunk(b"ICMT", comment) + _chunk(b"ISFT", PRODUCER.encode() + b"\0")
    body = b"WAVE" + _chunk(b"fmt ", layout) + _chunk(b"LIST", info)
    unknown = data_bytes is None or len(body) + 8 + data_bytes > UNKNOWN_SIZE
    sizes = (UNKNOWN_SIZE, UNKNOWN_SIZE) if data_bytes is None or unknown else (len(body) + 8 + data_bytes, data_bytes)
    return b"RIFF" + struct.pack("<I", sizes[0]) + body + b"data" + struct.pack("<I", sizes[1])


def read_label(content: bytes) -> dict[str, Any] | None:
    """The `AIGC` object of a RIFF file, or None if it carries none."""
    for name, data in _chunks(content[12:]):
        if name != b"LIST" or data[:4] != b"INFO":
            continue
        for key, value in _chunks(data[4:]):
            if key == b"ICMT":
                return _parse(value)
    return None


def _parse(comment: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(comment.rstrip(b"\0"))["AIGC"]
    except (ValueError, KeyError, TypeError):
        return None
    return found if isinstance(found, dict) else None


def _chunks(content: bytes) -> list[tuple[bytes, bytes]]:
    found, start = [], 0
    while start + 8 <= len(content):
        name, size = content[start : start + 4], int.from_bytes(content[start + 4 : start + 8], "little")
        found.append((name, content[start + 8 : start + 8 + size]))
        start += 8 + size + size % 2
    return found


def _chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
