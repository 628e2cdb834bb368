"""The Viterbi path of alignment, and the clips that it gives of a real recording."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from gptsovits.finetune.align import AlignmentError, Clip, Floats, align, viterbi
from gptsovits.nano.base import load_base
from gptsovits.nano.config import SAMPLE_RATE
from gptsovits.pipeline.slicing import split
from gptsovits.pipeline.training import shipped_base

SPOKEN = (
    "we had everything before us, we had nothing before us, we were all going direct to heaven, we were all going "
    "direct the other way. In short, the period was so far like the present period, that some of its noisiest "
    "authorities insisted on its being received, for good or for evil, in the superlative degree of comparison only."
)
OTHER = (
    "Please close the window before you leave the room, and bring two boxes to the kitchen tomorrow morning. The "
    "doctor told him to drink more water every day, but nobody knew where the money had come from."
)
BEGINS = 19.9


@pytest.fixture(scope="module")
def wave() -> Floats:
    """The second half of the recording of the demo."""
    import moonshine_voice

    path = next(Path(moonshine_voice.__file__).parent.rglob("two_cities.wav"))
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    return np.asarray(soxr.resample(samples.mean(1), rate, SAMPLE_RATE), np.float32)[int(BEGINS * SAMPLE_RATE) :]


def _clips(*seconds: float) -> list[Clip]:
    return [Clip(np.zeros(int(length * SAMPLE_RATE), np.float32), "words") for length in seconds]


def test_phones_are_found_where_they_sound() -> None:
    scores = np.full((12, 4), -5.0, np.float32)
    for frame, number in enumerate([0, 0, 1, 1, 1, 2, 2, 0, 0, 3, 3, 0]):
        scores[frame, number] = -0.1
    assert viterbi(scores, [1, 2, 3], frozenset({3})) == [(2, 5), (5, 7), (9, 11)]


def test_a_transcript_without_marks_is_cut_where_the_reader_pauses(wave: Floats) -> None:
    plain = SPOKEN.replace(",", "").replace(".", "")
    clips = align(load_base(shipped_base()), wave, plain)
    assert " ".join(clip.text for clip in clips) == plain
    assert len(clips) > 3
    assert all(2.5 <= clip.seconds < 8.5 for clip in clips)
    assert split(clips).held_out


def test_other_words_than_those_spoken_are_refused(wave: Floats) -> None:
    base = load_base(shipped_base())
    with pytest.raises(AlignmentError, match="not what is spoken"):
        align(base, wave, OTHER)
    assert align(base, wave, OTHER[:60]), "too few words to tell"


@pytest.mark.parametrize("seconds", [(15.0, 15.0, 16.0), (28.0, 12.0, 11.0, 12.0), (4.0,) * 11])
def test_a_clip_is_held_out_wherever_there_are_three(seconds: tuple[float, ...]) -> None:
    chosen = split(_clips(*seconds))
    assert chosen.held_out
    assert len(chosen.train) >= 2
    assert len(chosen.train) + len(chosen.held_out) == len(seconds)


def test_of_two_clips_none_is_held_out() -> None:
    assert not split(_clips(15.0, 15.0)).held_out
