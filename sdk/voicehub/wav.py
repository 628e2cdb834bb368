"""Waves to files and to the loudspeaker: files that say they are synthetic, or the raw float wave."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING

from voicehub.errors import Missing, UsageError

if TYPE_CHECKING:
    from voicehub.saying import Wave

FORMATS = {".wav": "wav", ".flac": "flac", ".mp3": "mp3", ".opus": "opus", ".ogg": "opus", ".pcm": "pcm"}
"""The format that an ending names."""


def require_ending(path: Path, *, raw: bool = False) -> None:
    """Asked before a voice is pulled and speaks.

    Raises:
        UsageError: the ending names nothing that can be written.
    """
    endings = (".npy",) if raw else FORMATS
    if path.suffix.lower() not in endings:
        hint = f"Write -o {path.parent / (path.stem or 'speech')}{next(iter(endings))}."
        raise UsageError(f"{path} does not end in {', '.join(endings)}.", hint=hint)


def require_place(path: Path) -> None:
    """Asked before a voice is pulled and speaks; folders that are not there yet are made when it is written.

    Raises:
        UsageError: it would lie in what is no folder, or in one that nothing can be written to.
    """
    if path.exists() and not path.is_file():  # a pipe, say, which is written to as it is
        return
    target = path.resolve()
    folder = next(one for one in target.parents if one.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(f"{path} cannot be written: {folder} is no folder to write to.", hint="Choose another -o.")


def write(path: Path, wave: Wave, sample_rate: int, voice: str, *, raw: bool = False) -> None:
    """Writes `path`: a labelled file of the kind that its ending names, or with `raw` the wave `(L,)` as `.npy`.

    Raises:
        UsageError: the ending is another one.
    """
    require_ending(path, raw=raw)
    from gptsovits.whole import write_whole

    content = io.BytesIO()  # libsndfile does not tell when a file that it writes to has no room
    if raw:
        import numpy as np

        np.save(content, wave, allow_pickle=False)
    else:
        _encode(wave, sample_rate, FORMATS[path.suffix.lower()], voice, content)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, content.getvalue(), follow=True)


def _encode(wave: Wave, sample_rate: int, form: str, voice: str, target: io.BytesIO) -> None:
    from gptsovits.audio import encoding
    from gptsovits.audio.containers import CONTAINERS

    container = CONTAINERS[form]
    encoding.write([wave], sample_rate, container, container.rate(sample_rate), voice, target)


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
