"""Waves to files: 16-bit WAV that says it is synthetic, raw float waves, or the loudspeaker."""

from __future__ import annotations

import json
import struct
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voicehub.errors import Missing, UsageError

Wave = NDArray[np.float32]


def label(voice: str) -> str:
    """The implicit AIGC label (GB 45438-2025, annex E): who made it and that a machine did."""
    made = datetime.now(UTC).replace(microsecond=0).isoformat().replace("+00:00", "Z")
    return json.dumps({"AIGC": {"Label": "1", "ContentProducer": "voicehub", "ProduceID": voice, "Time": made}})


def wav_bytes(wave: Wave, sample_rate: int, voice: str) -> bytes:
    """A RIFF file of 16-bit mono with the label as comment (LIST/INFO/ICMT)."""
    samples = np.clip(np.rint(wave * 32767.0), -32768, 32767).astype("<i2").tobytes()
    layout = struct.pack("<HHIIHH", 1, 1, sample_rate, sample_rate * 2, 2, 16)
    info = b"INFO" + _chunk(b"ICMT", label(voice).encode() + b"\0") + _chunk(b"ISFT", b"voicehub\0")
    return _chunk(b"RIFF", b"WAVE" + _chunk(b"fmt ", layout) + _chunk(b"LIST", info) + _chunk(b"data", samples))


def write(path: Path, wave: Wave, sample_rate: int, voice: str, *, raw: bool = False) -> None:
    """Writes `path`: `.wav`, or with `raw` the float32 wave as `.npy`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if raw:
        if path.suffix != ".npy":
            raise UsageError("A raw wave is written as .npy.", hint=f"Write -o {path.with_suffix('.npy')}.")
        np.save(path, wave, allow_pickle=False)
        return
    if path.suffix.lower() != ".wav":
        raise UsageError(f"{path.name} does not end in .wav.", hint=f"Write -o {path.with_suffix('.wav')}.")
    path.write_bytes(wav_bytes(wave, sample_rate, voice))


def play(wave: Wave, sample_rate: int) -> None:
    """Plays the wave on the loudspeaker and waits for its end."""
    hint = "Write a file instead: -o speech.wav"
    try:
        import sounddevice
    except ImportError as error:
        raise Missing("Playing needs the package sounddevice.", hint="pip install 'voicehub[local]'") from error
    except OSError as error:
        raise Missing("Playing needs the library PortAudio.", hint=f"apt-get install libportaudio2. {hint}") from error
    try:
        sounddevice.play(wave, sample_rate, blocking=True)
    except sounddevice.PortAudioError as error:
        raise Missing(f"This machine has no loudspeaker ({error}).", hint=hint) from error


def _chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + (b"\0" if len(data) % 2 else b"")
