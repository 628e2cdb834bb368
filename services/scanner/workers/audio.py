"""Inside: foreign audio, decoded by FFmpeg (PyAV) and written anew as FLAC."""

from __future__ import annotations

import io

import av
import numpy as np
import soundfile
from av.error import FFmpegError
from numpy.typing import NDArray

MIN_SECONDS, MAX_SECONDS = 0.5, 60
MIN_RATE, MAX_RATE = 8000, 192_000


class NotAudio(ValueError):
    """No audio can be read from the bytes."""


class WrongLengthError(ValueError):
    """A prompt shorter than half a second or longer than a minute."""


def decode(path: str) -> tuple[NDArray[np.float32], int]:
    """Mono float32 (n,) in [-1, 1] and its own sample rate in Hz."""
    try:
        with av.open(path, metadata_errors="ignore") as container:
            return _decode(container)
    except (FFmpegError, IndexError, OSError, ValueError) as error:
        if isinstance(error, WrongLengthError):
            raise
        raise NotAudio(str(error)) from error


def _decode(container: av.container.InputContainer) -> tuple[NDArray[np.float32], int]:
    stream = container.streams.audio[0]
    rate = int(stream.rate or 0)
    if not MIN_RATE <= rate <= MAX_RATE:
        raise ValueError(f"a sample rate of {rate} Hz")
    resampler = av.AudioResampler(format="flt", layout="mono", rate=rate)
    pieces: list[NDArray[np.float32]] = []
    samples = 0
    for frame in container.decode(stream):
        for out in resampler.resample(frame):
            pieces.append(out.to_ndarray().reshape(-1).astype(np.float32))
            samples += len(pieces[-1])
        if samples > MAX_SECONDS * rate:
            raise WrongLengthError
    pieces += [out.to_ndarray().reshape(-1).astype(np.float32) for out in resampler.resample(None)]
    if samples < MIN_SECONDS * rate:
        raise WrongLengthError
    return np.nan_to_num(np.concatenate(pieces)), rate


def as_flac(wave: NDArray[np.float32], rate: int) -> bytes:
    """FLAC, 24 bit: exact for 16-bit sources."""
    buffer = io.BytesIO()
    soundfile.write(buffer, np.clip(wave, -1.0, 1.0), rate, format="FLAC", subtype="PCM_24")
    return buffer.getvalue()
