"""Speaks drawn sentences with drawn teacher speakers and stores them in shards."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soxr

from gptsovits.corpus import store
from gptsovits.corpus.pronunciation import sentence_phones
from gptsovits.corpus.sentences import draw, key
from gptsovits.corpus.speakers import Speaker, speaker
from gptsovits.corpus.teacher import TEACHER_RATE, Stretch, Teacher, Utterance, voices
from gptsovits.judge.sentences import DEVELOPMENT_SENTENCES, TEST_SENTENCES

CLIPS_PER_SHARD = 25
SPEAKERS = 96
HELD_OUT_SPEAKERS = 6
"""The last speakers of the list are never generated for training; they stand in for unseen voices."""
_PITCH_RATE = 80
_FRAME_RATE = 100
_VOICED_ABOVE = 40.0
_EDGE_SECONDS = 0.12
EXCLUDED = frozenset(key(sentence) for sentence in (*TEST_SENTENCES, *DEVELOPMENT_SENTENCES))


def generate(folder: Path, first: int, step: int, seconds: float, report: Callable[[str], None]) -> None:
    """Adds shards ``first, first + step, …`` until those hold ``seconds`` of audio; shards that exist are kept."""
    folder.mkdir(parents=True, exist_ok=True)
    teacher, tables = Teacher(), voices()
    made, number = 0.0, first
    while made < seconds:
        path = folder / f"{number:05d}.npz"
        if not path.exists():
            store.save(path, _shard(teacher, tables, number))
        made += sum(clip.seconds for clip in store.load(path))
        report(f"{path.name}: {made / 60:.1f} min")
        number += step


def speak_as(teacher: Teacher, who: Speaker, text: str) -> store.Clip:
    """One sentence as a clip at 16 kHz, with stretches and pitch in the time of that clip."""
    groups = sentence_phones(text)
    utterance = teacher.speak(groups, who.style, who.pace / who.shift)
    wave = soxr.resample(utterance.wave, TEACHER_RATE * who.shift, store.SAMPLE_RATE)
    phones = tuple(phone.symbol for group in groups for phone in group)
    symbols, ends = _timeline(utterance.stretches, who.shift)
    pitch = _pitch(utterance, who.shift, len(wave) / store.SAMPLE_RATE)
    start, stop = _speech_span(symbols, ends, len(wave) / store.SAMPLE_RATE)
    return _cut(who.number, text, phones, wave, symbols, ends, pitch, start, stop)


def _shard(teacher: Teacher, tables: dict[str, npt.NDArray[np.float32]], number: int) -> list[store.Clip]:
    source = random.Random(number)
    trained = SPEAKERS - HELD_OUT_SPEAKERS
    return [
        speak_as(teacher, speaker(source.randrange(trained), tables), draw(source, EXCLUDED))
        for _ in range(CLIPS_PER_SHARD)
    ]


def _timeline(stretches: list[Stretch], shift: float) -> tuple[list[str], npt.NDArray[np.float32]]:
    ends = np.cumsum([stretch.seconds for stretch in stretches]) / shift
    return [stretch.symbol for stretch in stretches], ends.astype(np.float32)


def _pitch(utterance: Utterance, shift: float, seconds: float) -> npt.NDArray[np.float16]:
    frames = int(seconds * _FRAME_RATE)
    at = np.clip((np.arange(frames) / _FRAME_RATE * _PITCH_RATE * shift).astype(int), 0, len(utterance.pitch) - 1)
    hertz = utterance.pitch[at] * shift
    return np.where(hertz > _VOICED_ABOVE, hertz, 0).astype(np.float16)


def _speech_span(symbols: list[str], ends: npt.NDArray[np.float32], seconds: float) -> tuple[float, float]:
    """The sentence with a short silent edge; whole 10 ms frames."""
    spoken = [index for index, symbol in enumerate(symbols) if symbol]
    begin = float(ends[spoken[0] - 1]) if spoken[0] else 0.0
    start = max(0.0, begin - _EDGE_SECONDS)
    stop = min(seconds, float(ends[spoken[-1]]) + _EDGE_SECONDS)
    return round(start, 2), round(stop, 2)


def _cut(
    number: int, text: str, phones: tuple[str, ...], wave: npt.NDArray[np.float32], symbols: list[str],
    ends: npt.NDArray[np.float32], pitch: npt.NDArray[np.float16], start: float, stop: float,
) -> store.Clip:  # fmt: skip
    samples = slice(int(start * store.SAMPLE_RATE), int(stop * store.SAMPLE_RATE))
    frames = slice(round(start * _FRAME_RATE), round(stop * _FRAME_RATE))
    peak = max(float(np.abs(wave[samples]).max()), 1e-4)
    scaled = np.round(wave[samples] * (0.7 / peak) * 32767).astype(np.int16)
    moved = np.clip(ends - start, 0, stop - start)
    kept = [index for index in range(len(symbols)) if ends[index] > start]
    return store.Clip(
        number, text, phones, scaled, tuple(symbols[index] for index in kept), moved[kept].astype(np.float32),
        pitch[frames],
    )  # fmt: skip
