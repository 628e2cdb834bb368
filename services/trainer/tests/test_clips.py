"""The speaker of a clip: any usual format, the same speaker; what is not fit is refused with what to send."""

from __future__ import annotations

import io
import sys
from typing import cast

import av
import numpy as np
import pytest
import soundfile

from gptsovits.pipeline.tests.speech import RATE, speech_like
from services.common.errors import Unavailable, Unprocessable
from services.trainer.clips import speaker_of

SPEECH = speech_like(6.0)
_CONTAINERS = {"mp3": "mp3", "webm": "libopus", "ogg": "libopus", "mp4": "aac"}


def encoded(kind: str, wave: np.ndarray = SPEECH) -> bytes:
    file = io.BytesIO()
    if kind in ("wav", "flac"):
        soundfile.write(file, wave, RATE, format=kind)
        return file.getvalue()
    with av.open(file, "w", format=kind) as container:
        stream = cast(av.AudioStream, container.add_stream(_CONTAINERS[kind], rate=48_000))
        stream.layout = "mono"
        frame = av.AudioFrame.from_ndarray(wave.astype(np.float32)[None], format="flt", layout="mono")
        frame.sample_rate = RATE
        resampler = av.AudioResampler(stream.format.name, "mono", 48_000, frame_size=stream.frame_size or 1024)
        for piece in [*resampler.resample(frame), *resampler.resample(None), None]:
            container.mux(stream.encode(piece))
    return file.getvalue()


def floats(value: float) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, np.full(3 * RATE, value, np.float32), RATE, format="wav", subtype="FLOAT")
    return file.getvalue()


def test_every_usual_format_has_the_same_speaker() -> None:
    found = {kind: speaker_of(encoded(kind)) for kind in ("wav", "flac", *_CONTAINERS)}
    for kind, speaker in found.items():
        assert speaker.seconds == pytest.approx(6.0, abs=0.2), kind
        assert np.linalg.norm(speaker.embedding) == pytest.approx(1.0, abs=1e-3)
        assert np.dot(speaker.embedding, found["wav"].embedding) > 0.9, kind


@pytest.mark.parametrize(
    ("clip", "reason"),
    [
        (b"", "NOT_AUDIO"),
        (b"MZ" + bytes(5000), "NOT_AUDIO"),
        (floats(1e30), "NOT_AUDIO"),
        (floats(float("inf")), "NOT_AUDIO"),
        (encoded("wav", SPEECH[: RATE // 2]), "CLIP_TOO_SHORT"),
        (encoded("wav", np.zeros(3 * RATE, np.float32)), "CLIP_TOO_SHORT"),
        (encoded("flac", np.tile(SPEECH, 6)), "CLIP_TOO_LONG"),
        (bytes(13 << 20), "CLIP_TOO_LONG"),
    ],
)
def test_what_is_not_fit_is_refused(clip: bytes, reason: str) -> None:
    with pytest.raises(Unprocessable) as refused:
        speaker_of(clip)
    assert refused.value.reason == reason
    assert "30 seconds" in refused.value.hint


def test_a_hub_without_the_embedder_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resemblyzer", None)  # as where it is not installed
    with pytest.raises(Unavailable, match="without the speaker embedder") as refused:
        speaker_of(encoded("wav"))
    assert "voicehub[train]" in refused.value.hint
