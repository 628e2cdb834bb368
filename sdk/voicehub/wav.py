"""Waves to files and to the loudspeaker: WAV that says it is synthetic, or the raw float wave."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voicehub.errors import Missing, UsageError

Wave = NDArray[np.float32]


def write(path: Path, wave: Wave, sample_rate: int, voice: str, *, raw: bool = False) -> None:
    """Writes `path`: a labelled 16-bit `.wav`, or with `raw` the float32 wave `(L,)` as `.npy`.

    Raises:
        UsageError: the ending is another one.
    """
    ending = ".npy" if raw else ".wav"
    if path.suffix.lower() != ending:
        raise UsageError(f"{path.name} does not end in {ending}.", hint=f"Write -o {path.with_suffix(ending)}.")
    path.parent.mkdir(parents=True, exist_ok=True)
    if raw:
        np.save(path, wave, allow_pickle=False)
        return
    from gptsovits.runtime.label import labelled_wav

    path.write_bytes(labelled_wav(wave, sample_rate, voice))


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
