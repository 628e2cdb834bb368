"""Word times: exact on made sounds, and measured against a forced alignment of a real reading."""

from __future__ import annotations

from pathlib import Path

import moonshine_voice
import numpy as np
import pocketsphinx
import pytest
import soundfile
import soxr

from gptsovits.judge.intelligibility import words as plain_words
from gptsovits.runtime.timing import FINAL, SHORT_WORD, word_times
from gptsovits.text import phonemize, pieces
from gptsovits.text.sequence import WordSpan
from gptsovits.text.symbols import phone_ids

RATE = 16000
TEXT = (
    "It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of foolishness, "
    "it was the epoch of belief, it was the epoch of incredulity, it was the season of light, it was the season of "
    "darkness, it was the spring of hope, it was the winter of despair, we had everything before us, we had nothing "
    "before us, we were all going direct to heaven, we were all going direct the other way. In short, the period was "
    "so far like the present period, that some of its noisiest authorities insisted on its being received, for good "
    "or for evil, in the superlative degree of comparison only."
)
CHOSEN_ON = 60
"""The weights were chosen on the first words; what is measured are the others."""
MEAN_ERROR, WORST_SHARE = 0.16, 0.2
"""Seconds, and the share of word starts that may be more than 0.3 s off."""


def _tone(seconds: float) -> np.ndarray:
    return (0.3 * np.sin(np.arange(int(seconds * RATE)) / 5)).astype(np.float32)


def _silence(seconds: float) -> np.ndarray:
    return np.zeros(int(seconds * RATE), np.float32)


def test_words_share_the_sounding_time_and_marks_take_the_silences() -> None:
    phones = phone_ids(["AA1", "B", ",", "AA1", "B", "AA1", "B", "."])
    places = {"ab": (0, 2), ",": (2, 3), "abab": (3, 5), "ba": (5, 7), ".": (7, 8)}
    words = [WordSpan(text, *place) for text, place in places.items()]
    wave = np.concatenate((_silence(0.2), _tone(1.0), _silence(0.5), _tone(2.0), _silence(0.1)))
    found = word_times(wave, RATE, phones, words)
    assert [word.text for word in found] == ["ab", "abab", "ba"]
    border = 1.7 + 2.0 * SHORT_WORD / (SHORT_WORD + FINAL)
    expected = [(0.2, 1.2), (1.7, border), (border, 3.7)]
    assert np.abs(np.array([(word.start, word.end) for word in found]) - expected).max() < 0.03


def test_times_are_in_order_whatever_the_sound() -> None:
    draw, sequence = np.random.default_rng(3), phonemize("One, two. Three!", "en")
    for wave in (_silence(1), _tone(0.05), draw.standard_normal(8000).astype(np.float32), np.zeros(1, np.float32)):
        found = word_times(wave, RATE, sequence.ids, sequence.words)
        edges = [edge for word in found for edge in (word.start, word.end)]
        assert edges == sorted(edges)
        assert edges[-1] <= len(wave) / RATE + 0.011
    assert word_times(np.zeros(0, np.float32), RATE, sequence.ids, sequence.words) == []


@pytest.fixture(scope="module")
def aligned() -> tuple[np.ndarray, list[tuple[str, float, float]]]:
    """A real reading and the times of its words by pocketsphinx's forced alignment."""
    folder = Path(moonshine_voice.__file__).parent
    wave, rate = soundfile.read(next(folder.rglob("two_cities.wav")), dtype="float32")
    wave = np.asarray(soxr.resample(wave, rate, RATE), np.float32)
    decoder = pocketsphinx.Decoder(samprate=RATE, loglevel="FATAL")
    decoder.set_align_text(" ".join(plain_words(TEXT)))
    decoder.start_utt()
    decoder.process_raw((wave * 32767).astype(np.int16).tobytes(), full_utt=True)
    decoder.end_utt()
    spans = [(seg.word, seg.start_frame / 100, (seg.end_frame + 1) / 100) for seg in decoder.seg()]
    return wave, [span for span in spans if span[0][0] not in "<["]


def test_real_speech_is_met_within_a_sixth_of_a_second(
    aligned: tuple[np.ndarray, list[tuple[str, float, float]]],
) -> None:
    wave, spans = aligned
    errors, place = [], 0
    for piece in pieces(TEXT, "en"):
        count = len(plain_words(piece))
        real = spans[place : place + count]
        place += count
        if len(real) < count:
            break
        begin, end = max(real[0][1] - 0.1, 0), real[-1][2] + 0.1
        sequence = phonemize(piece, "en")
        found = word_times(wave[int(begin * RATE) : int(end * RATE)], RATE, sequence.ids, sequence.words)
        if len(found) == count and place > CHOSEN_ON:
            errors += [abs(begin + word.start - span[1]) for word, span in zip(found, real, strict=True)]
    assert len(errors) >= 45
    print(f"{len(errors)} words, mean {np.mean(errors):.3f} s, 90 % within {np.quantile(errors, 0.9):.3f} s")
    assert np.mean(errors) < MEAN_ERROR
    assert np.mean(np.array(errors) > 0.3) < WORST_SHARE
