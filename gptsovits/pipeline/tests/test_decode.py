from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from gptsovits.pipeline.decode import decode
from gptsovits.pipeline.refusal import RecordingRefused
from gptsovits.pipeline.tests.speech import RATE, speech_like


@pytest.mark.parametrize(("suffix", "options"), [("wav", {}), ("flac", {}), ("mp3", {}), ("ogg", {"subtype": "OPUS"})])
def test_usual_formats_are_read_with_their_rate(tmp_path: Path, suffix: str, options: dict[str, str]) -> None:
    path = tmp_path / f"speech.{suffix}"
    soundfile.write(path, np.stack([speech_like(2)] * 2, axis=1), RATE, **options)
    recording = decode(path, RATE)
    assert recording.sample_rate == RATE
    assert recording.seconds == pytest.approx(2, abs=0.15)
    assert 0.2 < np.abs(recording.wave).max() <= 1.01


def test_m4a_is_read(tmp_path: Path) -> None:
    import av

    path = tmp_path / "speech.m4a"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=RATE)
        frame = av.AudioFrame.from_ndarray(speech_like(2)[None], format="fltp", layout="mono")
        frame.sample_rate = RATE
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert decode(path).seconds == pytest.approx(2, abs=0.2)


@pytest.mark.parametrize(
    "content", [b"", b"not audio at all", b"RIFF\xff\xff\xff\xffWAVEfmt ", b"\x1f\x8b" + bytes(500)]
)
def test_what_is_not_audio_is_refused_with_a_hint(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "speech.wav"
    path.write_bytes(content)
    with pytest.raises(RecordingRefused) as caught:
        decode(path)
    assert caught.value.reason == "not-audio"
    assert "WAV" in caught.value.hint


@pytest.mark.parametrize("channels", [2, 6, 10])
def test_channels_are_mixed_to_their_mean(tmp_path: Path, channels: int) -> None:
    path, wave = tmp_path / "speech.wav", speech_like(2)
    soundfile.write(path, np.stack([wave] * channels, axis=1), RATE, subtype="FLOAT")
    np.testing.assert_allclose(decode(path).wave, wave, atol=1e-6)
    soundfile.write(path, np.stack([wave] + [0 * wave] * (channels - 1), axis=1), RATE, subtype="FLOAT")
    np.testing.assert_allclose(decode(path).wave, wave / channels, atol=1e-6)


@pytest.mark.parametrize(("rate", "sample"), [(10, 0.1), (4000, 0.1), (RATE, np.nan), (RATE, np.inf)])
def test_samples_that_are_no_speech_are_refused(tmp_path: Path, rate: int, sample: float) -> None:
    wave = speech_like(2).copy()
    wave[100] = sample
    soundfile.write(tmp_path / "speech.wav", wave, rate, subtype="FLOAT")
    with pytest.raises(RecordingRefused) as caught:
        decode(tmp_path / "speech.wav")
    assert caught.value.reason == "not-audio"
