from __future__ import annotations

import numpy as np
import pytest

from gptsovits.pipeline.check import check, clipped_share, count_words
from gptsovits.pipeline.decode import Recording
from gptsovits.pipeline.refusal import RecordingRefused
from gptsovits.pipeline.tests.speech import RATE, speech_like

WORDS = " ".join(["word"] * 90)


def refused(wave: np.ndarray, transcript: str = WORDS) -> RecordingRefused:
    with pytest.raises(RecordingRefused) as caught:
        check(Recording(wave.astype(np.float32), RATE), transcript)
    return caught.value


def test_a_clean_half_minute_is_accepted_with_advice_to_record_more() -> None:
    found = check(Recording(speech_like(40), RATE), WORDS)
    assert found.seconds == pytest.approx(40)
    assert 10 < found.speech_seconds < 40
    assert any("One minute" in line for line in found.advice)


def test_short_silent_clipped_and_untranscribed_recordings_are_refused_with_what_to_do() -> None:
    cases = {
        "too-short": refused(speech_like(12)),
        "silent": refused(np.zeros(40 * RATE)),
        "clipped": refused(np.clip(speech_like(40) * 6, -1, 1)),
        "no-transcript": refused(speech_like(40), "   "),
        "transcript-mismatch": refused(speech_like(40), "three words only"),
    }
    for reason, refusal in cases.items():
        assert refusal.reason == reason
        assert refusal.hint


@pytest.mark.parametrize(
    ("transcript", "words"),
    [
        ("It\u2019s over at the caf\u00e9 \u2014 now.", 6),
        ("今天天气很好。", 3),
        ("今日はいい天気です", 4),
        ("오늘은 날씨가 좋다", 4),
        ("我用 Python 写", 2),
    ],
)
def test_only_scripts_without_blanks_are_counted_by_their_characters(transcript: str, words: int) -> None:
    assert count_words(transcript) == words


def test_a_curly_apostrophe_does_not_make_a_right_transcript_wrong() -> None:
    words = " ".join(["considerable"] * 79)
    assert check(Recording(speech_like(40), RATE), f"{words} can\u2019t").seconds == pytest.approx(40)


@pytest.mark.parametrize("offset", [0.005, 0.05])
def test_an_offset_is_no_sound(offset: float) -> None:
    hiss = np.random.default_rng(0).standard_normal(40 * RATE) * 1e-4
    assert refused(hiss + offset).reason == "silent"
    assert check(Recording(speech_like(40) + np.float32(offset), RATE), WORDS).speech_seconds > 10


@pytest.mark.parametrize("sample", [np.inf, np.nan, np.finfo(np.float32).max])
def test_a_sample_that_is_no_sound_is_refused(sample: float) -> None:
    wave = speech_like(40)
    wave[1000] = sample
    assert refused(wave).reason == "not-audio"


def test_a_tenth_of_speech_is_too_little() -> None:
    wave = np.zeros(60 * RATE, np.float32)
    wave[: 5 * RATE] = speech_like(5)
    assert refused(wave).reason == "little-speech"


def test_a_loud_but_unclipped_wave_has_no_clipped_samples() -> None:
    assert clipped_share(speech_like(5) * 2) == 0.0
