"""Who speaks in a clip: decoded in a process with limits, measured by the embedder of published voices."""

from __future__ import annotations

import tempfile
import threading
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from gptsovits.pipeline.decode import decode
from gptsovits.pipeline.refusal import RecordingRefused
from services.common.errors import Unavailable, Unprocessable

MOST_BYTES = 12 << 20
MOST_SECONDS, LEAST_SECONDS = 30.0, 1.0
SILENCE, LOUDEST = 1e-3, 1e3  # root mean square; full scale is 1
RATE = 16_000
_one_at_a_time = threading.Lock()


@dataclass(frozen=True)
class Speaker:
    """The embedding of who speaks, of length 1, and the seconds of the clip."""

    embedding: tuple[float, ...]
    seconds: float


def speaker_of(clip: bytes) -> Speaker:
    """The speaker of an audio file of 1 to 30 seconds.

    Raises:
        Unprocessable: no audio, too short, too long or silent; the hint says what to send.
        Unavailable: this hub was installed without the embedder.
    """
    if len(clip) > MOST_BYTES:
        raise _refused("CLIP_TOO_LONG", f"The clip has more than {MOST_BYTES >> 20} MiB.")
    if find_spec("resemblyzer") is None:
        raise no_embedder()
    with tempfile.NamedTemporaryFile() as file:
        file.write(clip)
        file.flush()
        try:
            recording = decode(Path(file.name), RATE)
        except RecordingRefused as refusal:
            reason = "CLIP_TOO_LONG" if refusal.reason == "too-long" else "NOT_AUDIO"
            raise _refused(reason, refusal.message) from None
    if recording.seconds > MOST_SECONDS:
        raise _refused("CLIP_TOO_LONG", f"The clip has {recording.seconds:.0f} seconds.")
    loudness = float(np.sqrt(np.mean(np.square(recording.wave, dtype=np.float64))))
    if not loudness <= LOUDEST:  # a file of floats may hold anything, also what is no number
        raise _refused("NOT_AUDIO", "The samples of the clip are no sound.")
    if recording.seconds < LEAST_SECONDS or loudness < SILENCE:
        raise _refused("CLIP_TOO_SHORT", "There is not enough speech in the clip.")
    from gptsovits.judge.similarity import embedding  # brings torch, which a hub that only stores voices need not load

    with _one_at_a_time:
        found = embedding(recording.wave)
    return Speaker(tuple(float(value) for value in found), recording.seconds)


def no_embedder() -> Unavailable:
    """What a hub says that cannot measure speakers."""
    return Unavailable(
        "This hub cannot search by sound: it was installed without the speaker embedder.",
        hint="Install the extra `train` (pip install 'voicehub[train]') and start the hub again.",
        reason="NO_EMBEDDER",
    )


def _refused(reason: str, message: str) -> Unprocessable:
    hint = f"Send {LEAST_SECONDS:.0f} to {MOST_SECONDS:.0f} seconds of one voice: WAV, FLAC, MP3, OGG, WebM or M4A."
    return Unprocessable(message, hint=hint, reason=reason)
