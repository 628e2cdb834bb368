"""Cuts a recording with its full transcript into clips of a few seconds, each with its own words.

The phones of the transcript are laid over the frame-wise phone probabilities of the content encoder (Viterbi), with an
optional silence between any two of them. That the words are those of the recording at all is seen by comparison: they
fit clearly better than the same words in another order.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

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
_FEWEST_WORDS = 20
"""With fewer different words, another order of them says little about whether they are the right ones."""
_SHUFFLES = 4
_LEAST_GAIN = 0.15
"""Mean log probability a frame above that of shuffled words: 0.5 to 0.8 for what is spoken, about 0 for other text."""
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
    scores = phone_log_probabilities(base, wave)
    _refuse_other_words(scores, text, language)
    texts = [part.strip() for part in _PIECE.findall(text) if re.search(r"\w", part)]
    pieces = [piece for piece in _timed(scores, texts, language) if piece.end > piece.begin]
    if any(piece.end - piece.begin > _LONGEST for piece in pieces):
        pieces = _without_long(scores, pieces, language)
    return [_clip(wave, group, language) for group in _grouped(pieces)]


def _refuse_other_words(scores: Floats, text: str, language: str) -> None:
    """Raises AlignmentError when the words fit no better than the same words shuffled."""
    words = text.split()
    if len({word.casefold() for word in words}) < _FEWEST_WORDS:
        return
    orders = np.random.default_rng(0)
    shuffled = [" ".join(orders.permutation(words)) for _ in range(_SHUFFLES)]
    if _fit(scores, text, language) - np.mean([_fit(scores, other, language) for other in shuffled]) < _LEAST_GAIN:
        raise AlignmentError("The transcript is not what is spoken in this recording; give the words spoken.")


def _fit(scores: Floats, text: str, language: str) -> float:
    """Mean log probability of the phones of a text over the frames that they take."""
    classes, _ = _classes([text], language)
    spans = _spans_in(scores, classes, frozenset())
    heard = [scores[begin:end, phone] for phone, (begin, end) in zip(classes, spans, strict=True)]
    return float(np.concatenate(heard).mean())


def _without_long(scores: Floats, pieces: Sequence[_Piece], language: str) -> list[_Piece]:
    """The pieces with those above the longest clip cut between words, where the silence is longest."""
    is_long = [piece.end - piece.begin > _LONGEST for piece in pieces]
    texts = [piece.text.split() if long else [piece.text] for piece, long in zip(pieces, is_long, strict=True)]
    timed = iter(_timed(scores, [text for part in texts for text in part], language))
    parts = [list(islice(timed, len(part))) for part in texts]
    return [
        _Piece(" ".join(word.text for word in words), words[0].begin, words[-1].end)
        for part in parts
        for words in _cut(part)
    ]


def _cut(words: list[_Piece]) -> list[list[_Piece]]:
    """Words cut in two, and again, until no part is too long; equal silences are cut nearest to the middle."""
    begin, end = words[0].begin, words[-1].end
    places = [
        place
        for place in range(1, len(words))
        if words[place - 1].end - begin >= _SHORTEST and end - words[place].begin >= _SHORTEST
    ]
    if end - begin <= _LONGEST or not places:
        return [words]

    def merit(place: int) -> tuple[float, float]:
        before, after = words[place - 1].end, words[place].begin
        return round(after - before, 3), -abs(before + after - begin - end)

    best = max(places, key=merit)
    return [*_cut(words[:best]), *_cut(words[best:])]


def _classes(texts: Sequence[str], language: str) -> tuple[list[int], list[int]]:
    """The phone classes of all texts, and how many they are after each text."""
    classes: list[int] = []
    ends: list[int] = []
    for text in texts:
        spoken = [phone_class(phone) for phone in phonemize(text, language).phones]
        classes.extend(number for number in spoken if number != SILENCE_CLASS)
        ends.append(len(classes))
    return classes, ends


def _spans_in(scores: Floats, classes: Sequence[int], free_breaks: frozenset[int]) -> list[tuple[int, int]]:
    if not classes or len(classes) > len(scores):
        raise AlignmentError("The transcript is longer than what can be said in this recording; give the words spoken.")
    return viterbi(scores, classes, free_breaks)


def _timed(scores: Floats, texts: Sequence[str], language: str) -> list[_Piece]:
    """Begin and end of every piece of text; one without phones ends where it begins, behind what is before it."""
    classes, ends = _classes(texts, language)
    spans = _spans_in(scores, classes, frozenset(ends))
    pieces: list[_Piece] = []
    for text, begin, end in zip(texts, [0, *ends[:-1]], ends, strict=True):
        last = spans[end - 1][1] * _FRAME_SECONDS if end else 0.0
        pieces.append(_Piece(text, spans[begin][0] * _FRAME_SECONDS if end > begin else last, last))
    return pieces


def viterbi(scores: Floats, classes: Sequence[int], free_breaks: frozenset[int]) -> list[tuple[int, int]]:
    """First and last frame (exclusive) of every phone on the best path.

    States alternate: silence before phone i (2i), phone i (2i + 1), and a last silence. A silence that is not at a
    break of the text (``free_breaks``, positions in ``classes``) costs extra.
    """
    states = 2 * len(classes) + 1
    emits = np.full(states, SILENCE_CLASS)
    emits[1::2] = classes
    entry = np.zeros(states, np.float32)
    inner = [2 * place for place in range(1, len(classes)) if place not in free_breaks]
    entry[inner] = -_INNER_SILENCE_COST
    return _spans(_best_path(scores, emits, entry), len(classes))


def _best_path(scores: Floats, emits: npt.NDArray[np.int64], entry: Floats) -> npt.NDArray[np.int64]:
    """The state of every frame; state ``i`` has the scores of class ``emits[i]``."""
    length, states = len(scores), len(emits)
    best = np.full(states, -np.inf, np.float32)
    best[:2] = scores[0, emits[:2]]
    came = np.zeros((length, states), np.int8)
    may_skip = np.arange(states) % 2 == 1
    for frame in range(1, length):
        stay = best
        step = np.concatenate(([-np.inf], best[:-1])).astype(np.float32) + entry
        skip = np.where(may_skip, np.concatenate(([-np.inf, -np.inf], best[:-2])), -np.inf)
        options = np.stack((stay, step, skip))
        came[frame] = options.argmax(0)
        best = options.max(0).astype(np.float32) + scores[frame, emits]
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
