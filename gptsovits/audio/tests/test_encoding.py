"""What is decoded (by FFmpeg's decoders, not the library that encoded) is what was said, whole and in a stream."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator

import av
import numpy as np
import pytest
import soundfile

from gptsovits.audio import encoding
from gptsovits.audio.containers import CONTAINERS, Container
from gptsovits.audio.dsp import Floats
from gptsovits.audio.notice import LEVEL_DBFS, notice
from gptsovits.audio.tags import read_tag
from gptsovits.runtime.label import read_label

SECONDS = 2.7
VOICE = "0123456789abcdef"
ALL = list(CONTAINERS.values())
LOSSLESS, LOSSY = 1.01 / 32768, 0.97


def said(rate: int) -> Floats:
    """A gliding tone with overtones whose loudness changes as syllables do: no two moments are alike."""
    time = np.arange(int(SECONDS * rate)) / rate
    phase = 2 * np.pi * np.cumsum(150 + 60 * np.sin(2 * np.pi * 0.6 * time) + 40 * time) / rate
    tone = sum(np.sin(k * phase) / k for k in (1, 2, 3, 5))
    return np.asarray(0.3 * tone * (0.5 - 0.5 * np.cos(2 * np.pi * 3.1 * time)), np.float32)


def cut(wave: Floats) -> Iterator[Floats]:
    """Sounds of very different lengths, an empty one too."""
    places = [0, 1, 700, 700, 6_400, 9_001, 30_000]
    yield from (wave[begin:end] for begin, end in zip(places, [*places[1:], len(wave)], strict=True))


def in_parts(container: Container, own: int) -> tuple[list[bytes], int]:
    rate = container.rate(own)
    return list(encoding.stream(cut(said(own)), own, container, rate, VOICE)), rate


def whole(container: Container, own: int) -> tuple[bytes, int, float]:
    rate, target = container.rate(own), io.BytesIO()
    seconds = encoding.write(cut(said(own)), own, container, rate, VOICE, target)
    return target.getvalue(), rate, seconds


def decoded(content: bytes, container: Container, rate: int) -> Floats:
    """The samples at the rate of the file."""
    if container.name == "pcm":
        return np.asarray(np.frombuffer(content, "<i2") / 32768, np.float32)
    resampler = av.AudioResampler("flt", "mono", rate)
    with av.open(io.BytesIO(content), "r") as file:
        frames = [out for frame in file.decode(audio=0) for out in resampler.resample(frame)]
    frames += resampler.resample(None)
    return np.concatenate([frame.to_ndarray()[0] for frame in frames])


def likeness(found: Floats, expected: Floats, rate: int) -> tuple[float, int]:
    """Correlation at the best delay up to 0.2 s, and that delay in samples."""
    size = 1 << (len(found) + len(expected)).bit_length()
    product = np.fft.irfft(np.fft.rfft(found, size) * np.conj(np.fft.rfft(expected, size)), size)
    delay = int(np.argmax(product[: rate // 5]))
    both = min(len(found) - delay, len(expected))
    return float(np.corrcoef(found[delay : delay + both], expected[:both])[0, 1]), delay


def check(content: bytes, container: Container, own: int, rate: int) -> None:
    found = decoded(content, container, rate)
    expected = said(own)
    if own != rate:
        resampler = encoding.Rate(own, rate)
        expected = np.concatenate((resampler.change(expected), resampler.change(np.zeros(0, np.float32), last=True)))
    assert abs(len(found) / rate - SECONDS) < 0.15
    if container.name in ("wav", "flac", "pcm"):
        assert len(found) == len(expected)
        assert np.abs(found - expected).max() <= LOSSLESS
        return
    alike, delay = likeness(found, expected, rate)
    assert alike > LOSSY, (alike, delay)
    assert delay < 0.11 * rate
    reversed_, _ = likeness(found, expected[::-1].copy(), rate)
    assert reversed_ < 0.5  # the measure tells another sound


@pytest.mark.parametrize("own", [16_000, 32_000])
@pytest.mark.parametrize("container", ALL, ids=lambda c: c.name)
def test_a_whole_file_sounds_as_said_and_says_its_length(container: Container, own: int) -> None:
    content, rate, seconds = whole(container, own)
    check(content, container, own, rate)
    assert seconds == pytest.approx(SECONDS, abs=0.001)
    if container.name in ("wav", "flac"):
        assert soundfile.info(io.BytesIO(content)).duration == pytest.approx(SECONDS, abs=0.001)
    assert _label(content, container) == (VOICE if container.labelled else None)


@pytest.mark.parametrize("own", [16_000, 32_000])
@pytest.mark.parametrize("container", ALL, ids=lambda c: c.name)
def test_a_stream_sounds_as_said_and_its_label_comes_first(container: Container, own: int) -> None:
    parts, rate = in_parts(container, own)
    check(b"".join(parts), container, own, rate)
    if container.labelled:
        assert b"AIGC" in next(part for part in parts if part)[:2000]
        assert _label(b"".join(parts), container) == VOICE


@pytest.mark.parametrize("container", ALL, ids=lambda c: c.name)
def test_what_has_come_of_a_stream_can_be_heard_already(container: Container) -> None:
    parts, rate = in_parts(container, 32_000)
    torn = b"".join(parts[:6])  # 30,000 of 86,400 samples
    if container.name == "opus":
        return  # its first page of sound comes after a second
    heard = decoded(torn, container, rate)
    assert len(heard) > 0.7 * 30_000 * rate / 32_000


@pytest.mark.parametrize("own", [16_000, 32_000, 44_100])
def test_a_streamed_mp3_is_as_long_for_who_computes_its_length(own: int) -> None:
    parts, rate = in_parts(CONTAINERS["mp3"], own)
    samples, told = soundfile.read(io.BytesIO(b"".join(parts)))
    assert told == rate
    assert SECONDS <= len(samples) / rate < SECONDS + 0.25  # and frames of the encoder before and after


def _label(content: bytes, container: Container) -> str | None:
    if container.name == "wav":
        found = read_label(content)
        return found["ProduceID"] if found else None
    text = read_tag(io.BytesIO(content), container.name) if container.labelled else None
    return json.loads(text)["ProduceID"] if text else None


def test_a_rate_that_the_format_lacks_is_refused() -> None:
    assert CONTAINERS["opus"].rate(32_000) == 48_000
    assert CONTAINERS["mp3"].rate(32_000, 24_000) == 24_000
    assert CONTAINERS["pcm"].rate(32_000) == 32_000
    with pytest.raises(ValueError, match="24000"):
        CONTAINERS["opus"].rate(32_000, 22_050)


@pytest.mark.parametrize("rate", [16_000, 32_000, 48_000])
def test_the_notice_is_short_long_short_short(rate: int) -> None:
    wave = notice(rate)
    assert len(wave) == rate
    assert 20 * np.log10(np.abs(wave).max()) == pytest.approx(LEVEL_DBFS, abs=0.1)
    frames = np.abs(wave[: rate // 100 * 100].reshape(100, -1)).max(1) > 0.01
    edges = np.flatnonzero(np.diff(np.concatenate(([0], frames.astype(int), [0]))))
    assert [round(n / 6) for n in np.diff(edges)[::2]] == [1, 3, 1, 1]
    assert [round(n / 6) for n in np.diff(edges)[1::2]] == [1, 3, 1]
    np.testing.assert_array_equal(wave, notice(rate))
