"""Is a recording fit to become a voice? Quick checks that need no model."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gptsovits.pipeline.decode import Recording
from gptsovits.pipeline.refusal import RecordingRefused

SHORTEST_SECONDS = 30.0
RECOMMENDED_SECONDS = 60.0
FRAME_SECONDS = 0.02
SILENT_DB = -50.0
CLIPPED_SHARE = 0.002
LARGEST_SAMPLE = 1e3
"""Floating-point recordings may pass full scale a little; a sample far above it is a fault of the file."""
CLIP_RUN = 4
LEAST_SPEECH_SHARE = 0.25
WORDS_PER_SECOND = (0.5, 6.0)
_UNSPACED = re.compile("[\u3005-\u30ff\u3400-\u9fff\uac00-\ud7a3\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff]")
"""Characters of Chinese, Japanese and Korean writing: two of them count as a word."""


@dataclass(frozen=True)
class CheckedRecording:
    """What was measured: seconds in all and of speech, peak, share of clipped samples, noise floor in dBFS."""

    seconds: float
    speech_seconds: float
    peak: float
    clipped_share: float
    noise_floor_db: float
    advice: tuple[str, ...]


def check(recording: Recording, transcript: str) -> CheckedRecording:
    """Measures the recording; raises RecordingRefused with what to do when it is not fit."""
    wave, rate = recording.wave, recording.sample_rate
    if not np.isfinite(wave).all() or np.abs(wave).max(initial=0.0) > LARGEST_SAMPLE:
        raise RecordingRefused(
            "not-audio",
            "The recording holds samples that are no sound (infinite, or far above full scale).",
            "Export it again as 16-bit WAV or FLAC.",
        )
    wave = wave - wave.mean(dtype=np.float64).astype(np.float32)
    levels = frame_levels(wave, rate)
    floor, loud = float(np.percentile(levels, 10)), float(np.percentile(levels, 99))
    if loud < SILENT_DB:
        raise RecordingRefused(
            "silent", "The recording is (nearly) silent.", "Check the microphone and record again, closer to it."
        )
    if recording.seconds < SHORTEST_SECONDS:
        raise RecordingRefused(
            "too-short",
            f"The recording has {recording.seconds:.0f} s; at least {SHORTEST_SECONDS:.0f} s are needed.",
            "Record about one minute of clean speech.",
        )
    clipped = clipped_share(recording.wave)
    if clipped > CLIPPED_SHARE:
        raise RecordingRefused(
            "clipped",
            f"{clipped:.1%} of the recording is clipped (too loud for the microphone).",
            "Lower the input level or step back, and record again.",
        )
    speech = float(np.mean(levels > max(SILENT_DB, loud - 30.0))) * recording.seconds
    if speech < LEAST_SPEECH_SHARE * recording.seconds:
        raise RecordingRefused(
            "little-speech",
            f"Only {speech:.0f} s of {recording.seconds:.0f} s hold speech.",
            "Cut out the pauses or record again without them.",
        )
    _check_transcript(transcript, recording.seconds)
    advice = _advice(recording.seconds, floor, loud)
    return CheckedRecording(recording.seconds, speech, float(np.abs(recording.wave).max()), clipped, floor, advice)


def frame_levels(wave: NDArray[np.float32], rate: int) -> NDArray[np.float64]:
    """RMS of 20 ms frames in dBFS, shape (frames,)."""
    size = int(rate * FRAME_SECONDS)
    count = max(len(wave) // size, 1)
    frames = np.resize(wave, count * size) if len(wave) < size else wave[: count * size]
    power = np.mean(frames.astype(np.float64).reshape(count, size) ** 2, axis=1)
    return np.asarray(10 * np.log10(power + 1e-12))


def clipped_share(wave: NDArray[np.float32]) -> float:
    """Share of samples in runs of at least four equal samples at the extreme of the wave."""
    peak = float(np.abs(wave).max(initial=0.0))
    if peak < 0.5:
        return 0.0
    extreme = np.abs(wave) >= peak * 0.999
    padded = np.concatenate([[False], extreme, [False]]).astype(np.int8)
    edges = np.diff(padded)
    runs = np.flatnonzero(edges == -1) - np.flatnonzero(edges == 1)
    return float(runs[runs >= CLIP_RUN].sum() / len(wave))


def count_words(transcript: str) -> int:
    """Words between blanks, and half of the characters of scripts that set no blanks between words."""
    spaced, unspaced = _UNSPACED.subn(" ", transcript)
    return sum(any(map(str.isalnum, word)) for word in spaced.split()) + unspaced // 2


def _check_transcript(transcript: str, seconds: float) -> None:
    words = count_words(transcript)
    if not transcript.strip():
        raise RecordingRefused("no-transcript", "The transcript is empty.", "Send the words that are spoken.")
    if not WORDS_PER_SECOND[0] <= words / seconds <= WORDS_PER_SECOND[1]:
        raise RecordingRefused(
            "transcript-mismatch",
            f"The transcript has {words} words for {seconds:.0f} s of sound: it cannot be what is spoken.",
            "Send exactly the words of the recording, no more and no fewer.",
        )


def _advice(seconds: float, floor: float, loud: float) -> tuple[str, ...]:
    advice = []
    if seconds < RECOMMENDED_SECONDS:
        advice.append(f"One minute is recommended; this recording has {seconds:.0f} s.")
    if loud - floor < 20:
        advice.append("The background is loud; a quieter room makes a better voice.")
    return tuple(advice)
