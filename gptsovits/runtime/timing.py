"""When each word is said: phones laid over the time in which the wave sounds.

Marks are matched with the silences of the wave, the phones between two of them share the sounding time between, by
weights for nuclei, other phones and unstressed ones. How far that is from a forced alignment of real speech is
measured by ``gptsovits/runtime/tests/test_timing.py``: on 59 words that the weights were not chosen on, word starts are
0.13 s off in the mean, nine of ten by less than 0.31 s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from gptsovits.runtime.sampling import Floats
from gptsovits.text.sequence import WordSpan
from gptsovits.text.symbols import id_table

FRAME = 0.01
QUIET_DB = 26.0
"""A frame this far below the loud ones is silent."""
SHORTEST_PAUSE = 0.06
FARTHEST = 0.8
"""A mark and a silence farther apart than this, in seconds, do not belong together."""
MARKS = frozenset("!?…,.-") | {"SP", "SP2", "SP3"}
STRESSED, WEAK, OTHER = 1.5, 1.0, 0.9
FINAL = 2.0
"""The last syllable before a mark is that much longer (Wightman et al. 1992, segmental lengthening)."""
SHORT_WORD, SHORT_PHONES = 0.7, 3
"""Words of few phones are mostly function words, which are hurried."""


@dataclass(frozen=True)
class WordTime:
    """A word from ``start`` to ``end`` in seconds."""

    text: str
    start: float
    end: float


@dataclass(frozen=True)
class _Silence:
    begin: float
    end: float

    @property
    def middle(self) -> float:
        return (self.begin + self.end) / 2


def word_times(wave: Floats, rate: int, phones: Sequence[int], words: Sequence[WordSpan]) -> list[WordTime]:
    """Times of ``words`` (marks left out) in the ``wave (L,)`` at ``rate`` Hz of one piece with ``phones (N,)``."""
    spoken = [word for word in words if word.end > word.start and not _is_mark(word, phones)]
    if not spoken or not len(wave):
        return []
    sounding = _sounding(wave, rate)
    edges = _phone_edges(_weights(phones, spoken), sounding)
    return [WordTime(word.text, float(edges[word.start]), float(edges[word.end])) for word in spoken]


def _weights(phones: Sequence[int], words: Sequence[WordSpan]) -> list[float]:
    """How long each phone lasts beside the others; 0 for marks."""
    weights = [_weight(phone) for phone in phones]
    for word in words:
        if word.end - word.start <= SHORT_PHONES:
            weights[word.start : word.end] = [weight * SHORT_WORD for weight in weights[word.start : word.end]]
    for word in words:
        if word.end == len(phones) or _weight(phones[word.end]) == 0:
            nuclei = [place for place in range(word.start, word.end) if _is_nucleus(phones[place])]
            first = nuclei[-1] if nuclei else word.start
            weights[first : word.end] = [_weight(phone) * FINAL for phone in phones[first : word.end]]
    return weights


def _is_nucleus(phone: int) -> bool:
    return _weight(phone) in (STRESSED, WEAK)


def _is_mark(word: WordSpan, phones: Sequence[int]) -> bool:
    return all(_weight(phones[place]) == 0 for place in range(word.start, word.end))


def _sounding(wave: Floats, rate: int) -> NDArray[np.bool_]:
    """Which frames of 10 ms sound; short gaps count as sound."""
    hop = max(1, int(rate * FRAME))
    padded = np.pad(wave, (0, -len(wave) % hop)).reshape(-1, hop).astype(np.float64)
    power = np.sqrt((padded**2).mean(1)) + 1e-9
    loud = power > np.quantile(power, 0.9) * 10 ** (-QUIET_DB / 20)
    shortest = round(SHORTEST_PAUSE / FRAME)
    for begin, end in _runs(~loud):
        if end - begin < shortest:
            loud[begin:end] = True
    return np.asarray(loud if loud.any() else np.ones_like(loud))


def _runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    changes = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False])).astype(np.int8)))
    return list(zip(changes[::2].tolist(), changes[1::2].tolist(), strict=True))


def _phone_edges(weights: list[float], sounding: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Where each phone begins, and where the last one ends: ``(N + 1,)`` seconds."""
    first, last = (float(edge) * FRAME for edge in (sounding.argmax(), len(sounding) - sounding[::-1].argmax()))
    inner = [_Silence(begin * FRAME, end * FRAME) for begin, end in _runs(~sounding)]
    silences = [one for one in inner if one.begin > first and one.end < last]
    marks = [place for place, weight in enumerate(weights) if weight == 0]
    total = np.concatenate(([0.0], np.cumsum(weights)))
    guess = first + total / max(total[-1], 1e-9) * (last - first)
    anchors = _matched(marks, guess, silences)
    edges = np.empty(len(weights) + 1)
    begin_place, begin_time = 0, first
    for place, silence in [*sorted(anchors.items()), (len(weights), _Silence(last, last))]:
        edges[begin_place : place + 1] = _spread(total[begin_place : place + 1], begin_time, silence.begin, sounding)
        begin_place, begin_time = place + 1, silence.end
    return np.append(edges, last)[: len(weights) + 1]


def _matched(
    marks: list[int], guess: NDArray[np.float64], silences: list[_Silence]
) -> dict[int, _Silence]:
    """Each silence, the longest first, with the nearest free mark that keeps the order."""
    found: dict[int, _Silence] = {}
    for silence in sorted(silences, key=lambda one: one.begin - one.end):
        free = [
            mark for mark in marks
            if mark not in found and abs(guess[mark] - silence.middle) <= FARTHEST
            and all((other < mark) == (taken.begin < silence.begin) for other, taken in found.items())
        ]  # fmt: skip
        if free:
            found[min(free, key=lambda mark: abs(guess[mark] - silence.middle))] = silence
    return found


def _spread(total: NDArray[np.float64], begin: float, end: float, sounding: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Edges of phones with cumulative weights ``total`` over the sounding time from ``begin`` to ``end``."""
    frames = np.arange(round(begin / FRAME), max(round(end / FRAME), round(begin / FRAME) + 1))
    clock = np.concatenate(([0.0], np.cumsum(sounding[np.minimum(frames, len(sounding) - 1)] * FRAME)))
    share = (total - total[0]) / max(total[-1] - total[0], 1e-9) * clock[-1]
    return np.asarray(np.interp(share, clock + np.arange(len(clock)) * 1e-12, begin + np.arange(len(clock)) * FRAME))


@cache
def _names() -> list[str]:
    return list(id_table())


def _weight(phone: int) -> float:
    """How long a phone lasts beside others; 0 for marks."""
    name = _names()[phone] if 0 <= phone < len(_names()) else ""
    if name in MARKS:
        return 0.0
    if name[-1:].isdigit():
        return WEAK if name[-1] == "0" else STRESSED
    return OTHER
