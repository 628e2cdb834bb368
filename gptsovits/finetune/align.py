"""Cuts a recording with its full transcript into clips of a few seconds, each with its own words.

The phones of the transcript are laid over the frame-wise phone probabilities of the content encoder (Viterbi), with an
optional silence between any two of them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from gptsovits.nano.base import NanoBase
from gptsovits.nano.config import SAMPLE_RATE
from gptsovits.nano.phones import SILENCE_CLASS, phone_class
from gptsovits.text import phonemize

Floats = npt.NDArray[np.float32]

_FRAME_SECONDS = 0.02
_SHORTEST, _LONGEST = 2.5, 8.0
_INNER_SILENCE_COST = 3.0
_EDGE = 0.12
_PIECE = re.compile(r"[^,.;:?!—–]+[,.;:?!—–]*[\"')\]]*\s*")


class AlignmentError(ValueError):
    """Recording and transcript do not belong together; the message says so to the user."""


@dataclass(frozen=True)
class Clip:
    """``wave``: float32 at 16 kHz; ``text``: the words spoken in it; ``start`` in the recording, in seconds."""

    wave: Floats
    text: str
    language: str = "en"
    start: float = 0.0

    @property
    def seconds(self) -> float:
        """Length."""
        return len(self.wave) / SAMPLE_RATE


@dataclass(frozen=True)
class _Piece:
    text: str
    begin: float
    end: float


def phone_log_probabilities(base: NanoBase, wave: Floats) -> Floats:
    """Log probability of each phone class per 20 ms, ``(T, classes)``."""
    with torch.inference_mode():
        features = base.content(torch.from_numpy(wave)[None]).transpose(1, 2)
        return np.asarray(base.phone_head(features)[0].log_softmax(-1).numpy(), np.float32)


def timeline(base: NanoBase, wave: Floats, phones: Sequence[str]) -> tuple[list[str], Floats]:
    """When each of ``phones`` sounds in ``wave``: symbols ('' is silence) and the end of each in seconds.

    Raises :class:`AlignmentError` when the wave is too short for them.
    """
    spoken = [index for index, phone in enumerate(phones) if phone_class(phone) != SILENCE_CLASS]
    scores = phone_log_probabilities(base, wave)
    if not spoken or len(spoken) > len(scores):
        raise AlignmentError("The words do not fit into the time of the clip; give the words that are spoken in it.")
    after_mark = frozenset(place for place, index in enumerate(spoken) if place and index - spoken[place - 1] > 1)
    spans = viterbi(scores, [phone_class(phones[index]) for index in spoken], after_mark | {len(spoken)})
    symbols, ends = [""], [spans[0][0]]
    for index, (begin, end) in zip(spoken, spans, strict=True):
        if begin > ends[-1]:
            symbols.append("")
            ends.append(begin)
        symbols.append(phones[index])
        ends.append(end)
    symbols.append("")
    ends.append(len(scores))
    return symbols, np.array(ends, np.float32) * np.float32(_FRAME_SECONDS)


def align(base: NanoBase, wave: Floats, text: str, language: str = "en") -> list[Clip]:
    """Clips of 2.5 to 8 s that hold the recording; raises :class:`AlignmentError` when the text does not fit."""
    pieces = _timed(base, wave, [part.strip() for part in _PIECE.findall(text) if re.search(r"\w", part)], language)
    return [_clip(wave, group, language) for group in _grouped(pieces)]


def _timed(base: NanoBase, wave: Floats, texts: Sequence[str], language: str) -> list[_Piece]:
    """Begin and end of every piece of text."""
    classes: list[int] = []
    ends: list[int] = []
    for text in texts:
        spoken = [phone_class(phone) for phone in phonemize(text, language).phones]
        classes.extend(number for number in spoken if number != SILENCE_CLASS)
        ends.append(len(classes))
    scores = phone_log_probabilities(base, wave)
    if not classes or len(classes) > len(scores):
        raise AlignmentError("The transcript is longer than what can be said in this recording; give the words spoken.")
    spans = viterbi(scores, classes, frozenset(ends))
    begins = [0, *ends[:-1]]
    return [
        _Piece(text, spans[begin][0] * _FRAME_SECONDS, spans[end - 1][1] * _FRAME_SECONDS)
        for text, begin, end in zip(texts, begins, ends, strict=True)
        if end > begin
    ]


def viterbi(scores: Floats, classes: Sequence[int], free_breaks: frozenset[int]) -> list[tuple[int, int]]:
    """First and last frame (exclusive) of every phone on the best path.

    States alternate: silence before phone i (2i), phone i (2i + 1), and a last silence. A silence that is not at a
    break of the text (``free_breaks``, positions in ``classes``) costs extra.
    """
    states = 2 * len(classes) + 1
    emitted = np.empty((len(scores), states), np.float32)
    emitted[:, 0::2] = scores[:, [SILENCE_CLASS]]
    emitted[:, 1::2] = scores[:, list(classes)]
    entry = np.zeros(states, np.float32)
    inner = [2 * place for place in range(1, len(classes)) if place not in free_breaks]
    entry[inner] = -_INNER_SILENCE_COST
    return _spans(_best_path(emitted, entry), len(classes))


def _best_path(emitted: Floats, entry: Floats) -> npt.NDArray[np.int64]:
    length, states = emitted.shape
    best = np.full(states, -np.inf, np.float32)
    best[:2] = emitted[0, :2]
    came = np.zeros((length, states), np.int8)
    may_skip = np.arange(states) % 2 == 1
    for frame in range(1, length):
        stay = best
        step = np.concatenate(([-np.inf], best[:-1])).astype(np.float32) + entry
        skip = np.where(may_skip, np.concatenate(([-np.inf, -np.inf], best[:-2])), -np.inf)
        options = np.stack((stay, step, skip))
        came[frame] = options.argmax(0)
        best = options.max(0).astype(np.float32) + emitted[frame]
    state = states - 1 if best[-1] > best[-2] else states - 2
    path = np.empty(length, np.int64)
    for frame in range(length - 1, -1, -1):
        path[frame] = state
        state -= int(came[frame, state])
    return path


def _spans(path: npt.NDArray[np.int64], phones: int) -> list[tuple[int, int]]:
    firsts = np.searchsorted(path, 2 * np.arange(phones) + 1, side="left")
    lasts = np.searchsorted(path, 2 * np.arange(phones) + 1, side="right")
    return [(int(first), int(last)) for first, last in zip(firsts, lasts, strict=True)]


def _grouped(pieces: Sequence[_Piece]) -> list[list[_Piece]]:
    """Neighbouring pieces put together until they are long enough."""
    groups: list[list[_Piece]] = [[]]
    for piece in pieces:
        current = groups[-1]
        length = piece.end - current[0].begin if current else 0.0
        if current and (current[-1].end - current[0].begin >= _SHORTEST or length > _LONGEST):
            groups.append([])
        groups[-1].append(piece)
    if len(groups) > 1 and groups[-1][-1].end - groups[-1][0].begin < _SHORTEST:
        groups[-2].extend(groups.pop())
    return groups


def _clip(wave: Floats, group: Sequence[_Piece], language: str) -> Clip:
    start = max(0.0, group[0].begin - _EDGE)
    stop = min(len(wave) / SAMPLE_RATE, group[-1].end + _EDGE)
    text = " ".join(piece.text for piece in group)
    return Clip(wave[int(start * SAMPLE_RATE) : int(stop * SAMPLE_RATE)], text, language, start)
