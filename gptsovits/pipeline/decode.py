"""Decoding foreign audio in a process of its own with resource limits.

FFmpeg (through PyAV) reads WAV, FLAC, MP3, OGG/Opus and M4A; its parsers meet hostile bytes only inside the child,
which limits its own memory, processor time and output before it opens the file.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from gptsovits.pipeline.refusal import RecordingRefused

if TYPE_CHECKING:
    from av import AudioFrame

MAX_SECONDS = 900
LOWEST_RATE = 8000
MEMORY_BYTES = 3 << 30
PROCESSOR_SECONDS = 60
OUTPUT_BYTES = 512 << 20
WALL_SECONDS = 120


@dataclass(frozen=True)
class Recording:
    """Mono speech: `wave` float32 (n,) in [-1, 1] at `sample_rate` Hz."""

    wave: NDArray[np.float32]
    sample_rate: int

    @property
    def seconds(self) -> float:
        """Duration."""
        return len(self.wave) / self.sample_rate


def decode(path: Path, sample_rate: int | None = None) -> Recording:
    """Decodes any supported audio file to mono, at `sample_rate` or at its own.

    Raises:
        RecordingRefused: `not-audio` when no audio can be read from the file or it cannot be speech, `too-long` above
            15 minutes.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "wave.npy"
        command = [sys.executable, "-m", "gptsovits.pipeline.decode", str(path), str(out), str(sample_rate or 0)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=WALL_SECONDS, check=False)
        except subprocess.TimeoutExpired:
            raise _not_audio() from None
        if done.returncode != 0:
            raise _not_audio()
        wave, (rate, recorded) = np.load(out), map(int, done.stdout.split())
    if recorded < LOWEST_RATE:
        raise RecordingRefused(
            "not-audio",
            f"The recording has {recorded} samples a second: too few for speech.",
            "Record at 16000 Hz or more.",
        )
    if not np.isfinite(wave).all():
        raise RecordingRefused(
            "not-audio",
            "The recording holds samples that are no sound (infinite, or no numbers).",
            "Export it again as 16-bit WAV or FLAC.",
        )
    if len(wave) / rate >= MAX_SECONDS:
        raise RecordingRefused(
            "too-long", "The recording is longer than 15 minutes.", "Send the cleanest one to five minutes of it."
        )
    return Recording(wave, rate)


def _not_audio() -> RecordingRefused:
    return RecordingRefused(
        "not-audio",
        "No audio can be read from this file.",
        "Send a WAV, FLAC, MP3, OGG/Opus or M4A recording.",
    )


def _limit_self() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (PROCESSOR_SECONDS, PROCESSOR_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (OUTPUT_BYTES, OUTPUT_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _decode_here(source: str, rate: int) -> tuple[NDArray[np.float32], int, int]:
    """The mean of all channels at ``rate``, or at the file's own where that is 0; the rate, and the file's own."""
    import av

    pieces: list[NDArray[np.float32]] = []
    with av.open(source, metadata_errors="ignore") as container:
        stream = container.streams.audio[0]
        recorded = int(stream.rate or 0)
        rate = rate or recorded
        # One layout in and out: the mixing of FFmpeg makes a voice in two channels 1.4 times as loud, in six 3.4 times.
        resampler = av.AudioResampler(format="flt", rate=rate)
        samples = 0
        for frame in container.decode(stream):
            for out in resampler.resample(frame):
                pieces.append(_mixed(out))
                samples += len(pieces[-1])
            if samples > MAX_SECONDS * rate:
                break
        pieces.extend(_mixed(out) for out in resampler.resample(None))
    return np.concatenate(pieces), rate, recorded


def _mixed(frame: AudioFrame) -> NDArray[np.float32]:
    channels = frame.to_ndarray().reshape(-1, frame.layout.nb_channels)
    return np.asarray(channels.mean(axis=1, dtype=np.float64), np.float32)


def main() -> int:
    """Child process: `decode IN OUT.npy RATE`; prints the sample rate and that of the file."""
    source, target, rate = sys.argv[1], sys.argv[2], int(sys.argv[3])
    _limit_self()
    wave, rate, recorded = _decode_here(source, rate)
    np.save(target, wave)
    sys.stdout.write(f"{rate} {recorded}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
