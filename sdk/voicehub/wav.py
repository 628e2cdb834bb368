"""Waves to files and to the loudspeaker: files that say they are synthetic, or the raw float wave."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from voicehub.errors import Missing, UsageError

if TYPE_CHECKING:
    from voicehub.saying import Wave

FORMATS = {".wav": "wav", ".flac": "flac", ".mp3": "mp3", ".opus": "opus", ".ogg": "opus", ".pcm": "pcm"}
"""The format that an ending names."""


def write(path: Path, wave: Wave, sample_rate: int, voice: str, *, raw: bool = False) -> None:
    """Writes `path`: a labelled file of the kind that its ending names, or with `raw` the wave `(L,)` as `.npy`.

    Raises:
        UsageError: the ending is another one.
    """
    endings = (".npy",) if raw else FORMATS
    if path.suffix.lower() not in endings:
        hint = f"Write -o {path.with_suffix(next(iter(endings)))}."
        raise UsageError(f"{path.name} does not end in {', '.join(endings)}.", hint=hint)
    path.parent.mkdir(parents=True, exist_ok=True)
    if raw:
        import numpy as np

        np.save(path, wave, allow_pickle=False)
        return
    from gptsovits.audio import encoding
    from gptsovits.audio.containers import CONTAINERS

    container = CONTAINERS[FORMATS[path.suffix.lower()]]
    with path.open("w+b") as file:
        encoding.write([wave], sample_rate, container, container.rate(sample_rate), voice, file)


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
