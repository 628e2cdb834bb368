"""The label that says a file is synthetic."""

from __future__ import annotations

import io

import numpy as np
import soundfile

from gptsovits.runtime.label import labelled_wav, read_label


def test_the_label_is_in_the_file_and_the_file_is_a_wave() -> None:
    tone = (0.25 * np.sin(np.arange(1600) / 7)).astype(np.float32)
    content = labelled_wav(tone, 16000, "demo/tiny@1")
    label = read_label(content)
    assert label is not None
    assert (label["Label"], label["ContentProducer"], label["ProduceID"]) == ("1", "voicehub", "demo/tiny@1")
    wave, rate = soundfile.read(io.BytesIO(content), dtype="float32")
    assert rate == 16000
    assert np.abs(wave - tone).max() < 1e-4


def test_a_file_without_the_label_has_none() -> None:
    buffer = io.BytesIO()
    soundfile.write(buffer, np.zeros(10), 8000, format="WAV")
    assert read_label(buffer.getvalue()) is None
    assert read_label(b"") is None
