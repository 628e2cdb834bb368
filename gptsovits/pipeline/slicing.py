"""From a cleaned recording and its transcript to clips: some to learn from, some held out to be judged on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soxr

from gptsovits.finetune.align import AlignmentError, Clip, align
from gptsovits.judge.speakers import two_speakers
from gptsovits.nano.base import load_base
from gptsovits.nano.config import SAMPLE_RATE
from gptsovits.pipeline.decode import Recording
from gptsovits.pipeline.refusal import RecordingRefused
from gptsovits.text import phonemize

if TYPE_CHECKING:
    from gptsovits.pipeline.run import Progress

HELD_OUT_SECONDS = 8.0
LONGEST_HELD_OUT_SHARE = 0.25
FEWEST_CLIPS = 3


@dataclass(frozen=True)
class Clips:
    """Clips at 16 kHz with their words."""

    train: tuple[Clip, ...]
    held_out: tuple[Clip, ...]


def at_16k(recording: Recording) -> Recording:
    """The recording at the rate of the nano family."""
    if recording.sample_rate == SAMPLE_RATE:
        return recording
    wave = soxr.resample(recording.wave, recording.sample_rate, SAMPLE_RATE, quality="HQ")
    return Recording(np.asarray(wave, np.float32), SAMPLE_RATE)


def refuse_two_voices(recording: Recording) -> None:
    """Raises RecordingRefused when the windows of the recording fall into two speakers."""
    if two_speakers(at_16k(recording).wave):
        raise RecordingRefused(
            "two-voices", "Two different voices speak in this recording.", "Send a recording of one person only."
        )


def slice_recording(
    cleaned: Recording, transcript: str, language: str, base: Path, report: Callable[[Progress], None]
) -> Clips:
    """Lays the transcript over the recording and cuts it at pauses into clips of 2.5 to 8 seconds."""
    from gptsovits.pipeline.run import Progress

    report(Progress("slice", 0.0, "laying the words over the sound"))
    try:
        clips = align(load_base(base), at_16k(cleaned).wave, transcript, language)
    except AlignmentError as error:
        raise RecordingRefused(
            "transcript-mismatch", str(error), "Send exactly the words of the recording, no more and no fewer."
        ) from None
    chosen = split(clips)
    if not chosen.held_out:
        raise RecordingRefused(
            "little-speech",
            f"The recording gives {len(clips)} clips: too few to learn from some and to judge the voice on another.",
            "Record about one minute, with a short pause after every sentence.",
        )
    figures = {"train": float(len(chosen.train)), "held_out": float(len(chosen.held_out))}
    report(Progress("slice", 1.0, f"{len(clips)} clips, {len(chosen.held_out)} held out", figures))
    return chosen


def split(clips: Sequence[Clip]) -> Clips:
    """Holds out about eight seconds (at most a quarter), taken evenly from the second half.

    Of three clips or more at least one is held out, the shortest of the second half where each is above a quarter.
    """
    limit = min(HELD_OUT_SECONDS, LONGEST_HELD_OUT_SHARE * sum(clip.seconds for clip in clips))
    held: list[int] = []
    for index in range(len(clips) - 1, len(clips) // 2, -2):
        if sum(clips[i].seconds for i in held) + clips[index].seconds / 2 <= limit:
            held.append(index)
    if not held and len(clips) >= FEWEST_CLIPS:
        held.append(min(range(len(clips) // 2, len(clips)), key=lambda i: clips[i].seconds))
    return Clips(
        train=tuple(clip for i, clip in enumerate(clips) if i not in held),
        held_out=tuple(clips[i] for i in sorted(held)),
    )


def count_phones(clips: Sequence[Clip], language: str) -> int:
    """How many phonemes the clips' words have."""
    return sum(len(phonemize(clip.text, language).phones) for clip in clips)
