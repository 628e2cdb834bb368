"""A script of pieces and silences spoken part by part: whole sentences or chunks, stoppable at every token."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

import numpy as np

from gptsovits.audio.dsp import limited
from gptsovits.runtime.prompt import Conditioning
from gptsovits.runtime.sampling import Floats
from gptsovits.runtime.speaking import Manner, Piece, silence
from gptsovits.runtime.streaming import Chunks, stream_piece
from gptsovits.runtime.timing import WordTime, word_times
from gptsovits.runtime.voice import Voice

OnToken = Callable[[], None]
"""Called at every token of stage 1; what it raises ends the work."""


@dataclass(frozen=True)
class Silence:
    """Silence of that many ``seconds``, in place of the usual pause after a piece."""

    seconds: float


@dataclass(frozen=True)
class Part:
    """The next sound: ``wave (L,)``, and with the end of a piece the words that it said.

    The times of ``words`` are seconds from the start of the whole sound. ``last``: after this nothing comes.
    """

    wave: Floats
    words: tuple[WordTime, ...] = ()
    last: bool = False


class _Script:
    """The items in order; whether there is another one can be asked before, which reads it."""

    def __init__(self, items: Iterable[Piece | Silence]) -> None:
        self._items, self._ahead = iter(items), list[Piece | Silence]()

    def __iter__(self) -> Iterator[Piece | Silence]:
        while not self.over():
            yield self._ahead.pop()

    def over(self) -> bool:
        """Whether there is none."""
        if not self._ahead:
            self._ahead = list(islice(self._items, 1))
        return not self._ahead


@dataclass
class Performance:
    """How a script is spoken with a voice; ``chunks`` None means whole pieces. Belongs to one thread at a time."""

    voice: Voice
    conditioning: Conditioning
    manner: Manner
    chunks: Chunks | None = None
    on_token: OnToken = field(default=lambda: None)
    _length: int = 0
    _over: bool = False

    def parts(self, script: Iterable[Piece | Silence]) -> Iterator[Part]:
        """The parts in order; the same seed gives the same sound. A stream cannot be levelled: the caller clips it."""
        number, pause, items = 0, 0.0, _Script(script)
        for item in items:
            if isinstance(item, Silence):
                yield from self._silent(item.seconds)
                pause = 0.0
                continue
            yield from self._silent(pause)
            yield from self._spoken(item, self.manner.of_piece(number), items)
            number, pause = number + 1, self.manner.pause
        if not self._over:
            yield from self._silent(pause, last=True)

    def _silent(self, seconds: float, *, last: bool = False) -> Iterator[Part]:
        if seconds > 0:
            yield self._sent(silence(self.voice, seconds), last=last)

    def _sent(self, wave: Floats, words: tuple[WordTime, ...] = (), *, last: bool = False) -> Part:
        self._length += len(wave)
        return Part(wave, words, last)

    def _spoken(self, piece: Piece, manner: Manner, script: _Script) -> Iterator[Part]:
        begin = self._length
        if self.chunks is None:
            wave = self._whole(piece, manner)
            yield self._sent(wave, self._words(piece, wave, begin))
            return
        waves: list[Floats] = []
        tokens = self._tokens(piece, manner)
        try:
            for wave in stream_piece(self.voice, piece, self.conditioning, manner, self.chunks, tokens):
                waves.append(wave)
                if inspect.getgeneratorstate(tokens) != inspect.GEN_CLOSED:
                    yield self._sent(wave)
                    continue
                words = self._words(piece, np.concatenate(waves), begin)  # that was the last one
                self._over = piece.bert is None and script.over()  # where features are made, reading takes its time
                pause = silence(self.voice, manner.pause if self._over else 0.0)
                yield self._sent(np.concatenate((wave, pause)), words, last=self._over)
        finally:
            tokens.close()

    def _whole(self, piece: Piece, manner: Manner) -> Floats:
        codes = np.array(list(self._tokens(piece, manner)), np.int64)
        if not len(codes):
            return np.zeros(0, np.float32)
        ge, seed = self.conditioning.ge, manner.sampling.seed
        return limited(
            self.voice.decode(codes, piece.phones, ge, manner.noise_scale, speed=manner.speed, seed=seed)
        )

    def _tokens(self, piece: Piece, manner: Manner) -> Generator[int, None, None]:
        tokens = self.voice.stream_tokens(piece.phones, piece.bert, self.conditioning, manner.sampling)
        try:
            for token in tokens:
                self.on_token()
                yield token
        finally:
            if isinstance(tokens, Generator):
                tokens.close()

    def _words(self, piece: Piece, wave: Floats, begin: int) -> tuple[WordTime, ...]:
        rate = self.voice.facts.sample_rate
        at = begin / rate
        found = word_times(wave, rate, piece.phones.tolist(), piece.words)
        return tuple(WordTime(word.text, at + word.start, at + word.end) for word in found)
