"""Text to speech with a voice: pieces, one after another or in batches, levelled, joined with pauses."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from gptsovits.audio.dsp import limited, pcm16
from gptsovits.errors import MissingInput
from gptsovits.runtime.bert import BertFeatures
from gptsovits.runtime.prompt import Conditioning
from gptsovits.runtime.sampling import Floats, Sampling, Tokens
from gptsovits.runtime.timing import MARKS, WordTime, word_times
from gptsovits.runtime.voice import Voice
from gptsovits.text import phonemize, unreadable
from gptsovits.text.cutting import halves
from gptsovits.text.cutting import pieces as text_pieces
from gptsovits.text.lexicon import Lexicon
from gptsovits.text.sequence import NothingReadable, PhonemeSequence, WordSpan
from gptsovits.text.symbols import UNKNOWN

PAUSE_SECONDS = 0.3
MOST_PHONES = 350
"""Of a piece; slow speech, letters spelled out, takes four tokens a phone, and `rows.MAX_TOKENS` are said at once."""
SILENT = MARKS | {UNKNOWN, "停"}
"""Phones that say nothing; the last stands for what Korean cannot read."""


@dataclass(frozen=True)
class Piece:
    """A part of a text that is spoken in one go: ``phones (N,)`` and, where the language uses them, ``bert (D, N)``."""

    text: str
    phones: Tokens
    bert: Floats | None = None
    words: tuple[WordSpan, ...] = ()


Frontend = Callable[[str, str], Sequence[Piece]]
"""Text and language to pieces."""


@dataclass(frozen=True)
class SpokenPiece:
    """Where a piece lies in the whole wave, in samples, the tokens that it was decoded from, and when its words come.

    The times of ``words`` are seconds from the start of the whole wave.
    """

    text: str
    start: int
    end: int
    codes: Tokens
    words: tuple[WordTime, ...] = ()


@dataclass(frozen=True)
class Speech:
    """A float32 mono ``wave (L,)`` with its sample rate in Hz and its pieces in order."""

    wave: Floats
    sample_rate: int
    pieces: tuple[SpokenPiece, ...]

    @property
    def seconds(self) -> float:
        """Length."""
        return len(self.wave) / self.sample_rate

    def pcm16(self) -> NDArray[np.int16]:
        """16-bit samples, clipped at full scale."""
        return pcm16(self.wave)


@dataclass(frozen=True)
class Manner:
    """How to speak: ``speed`` 1 is natural, ``pause`` in seconds after a piece, ``batch`` pieces at once in stage 1."""

    sampling: Sampling = field(default_factory=Sampling)
    noise_scale: float = 0.5
    speed: float = 1.0
    pause: float = PAUSE_SECONDS
    batch: int = 1

    def of_piece(self, number: int) -> Manner:
        """Each piece draws other random numbers, and the same ones again in the next call."""
        if self.sampling.seed is None:
            return self
        return replace(self, sampling=replace(self.sampling, seed=self.sampling.seed + number))


def speak(
    voice: Voice,
    text: str,
    language: str,
    conditioning: Conditioning,
    manner: Manner | None = None,
    reader: Frontend | None = None,
) -> Speech:
    """Speaks a text of any length. With a seed in ``manner.sampling`` the same call gives the same wave."""
    chosen = manner or Manner()
    waves: list[Floats] = []
    spoken: list[SpokenPiece] = []
    start = 0
    for piece, codes, wave in speak_pieces(voice, text, language, conditioning, chosen, reader):
        spoken.append(_placed(voice, piece, codes, wave, start))
        padded = np.concatenate((wave, silence(voice, chosen.pause)))
        start += len(padded)
        waves.append(padded)
    return Speech(np.concatenate(waves), voice.facts.sample_rate, tuple(spoken))


def speak_pieces(
    voice: Voice,
    text: str,
    language: str,
    conditioning: Conditioning,
    manner: Manner,
    reader: Frontend | None = None,
) -> Iterator[tuple[Piece, Tokens, Floats]]:
    """Yields each piece with its tokens and levelled wave as soon as it is ready (streaming by sentences)."""
    pieces = list((reader or frontend(spoken=voice.facts.languages))(text, language))
    if not pieces:
        raise MissingInput("The text has no words that can be spoken; write at least one word.")
    check_language(voice, language)
    for first in range(0, len(pieces), manner.batch):
        group = pieces[first : first + manner.batch]
        yield from _speak_group(voice, group, conditioning, manner, first)


def check_language(voice: Voice, language: str) -> None:
    """Refuses a language that the voice's base does not speak; modes such as ``auto`` pass."""
    plain = language.lower().removeprefix("all_")
    if not plain.startswith("auto") and plain not in voice.facts.languages:
        spoken = ", ".join(voice.facts.languages)
        raise MissingInput(f"This voice does not speak {language!r}; it speaks: {spoken}.")


def frontend(
    lexicons: Mapping[str, Lexicon] | None = None,
    bert: BertFeatures | None = None,
    spoken: Collection[str] | None = None,
) -> Frontend:
    """Text to pieces; ``lexicons`` by language are a voice's own words, ``bert`` serves Mandarin.

    ``spoken`` are the languages of the voice, None for all.
    """
    own = lexicons or {}

    def read(text: str, language: str) -> list[Piece]:
        lexicon = own.get(language.lower().removeprefix("all_"))
        return list(read_pieces(text, language, lexicon, bert, spoken=spoken))

    return read


def read_pieces(
    text: str,
    language: str,
    lexicon: Lexicon | None = None,
    bert: BertFeatures | None = None,
    method: str = "cut5",
    spoken: Collection[str] | None = None,
) -> Iterator[Piece]:
    """The pieces of a text, cut by ``method``; each is read when it is asked for, so that long texts take no space.

    A piece of nothing but words that the language cannot read (Chinese in a text called English) is left out, and so
    is one in languages that are not among those ``spoken`` (None: all are).

    Raises:
        NothingReadable: not a word can be read.
        TextError: there is nothing to speak, or the language cannot be read here.
    """
    unread, any_read = "", False
    read = partial(phonemize, language=language, lexicon=lexicon, guard_short=True, spoken=spoken)
    for part, sequence in (found for piece in text_pieces(text, language, method) for found in _short(piece, read)):
        if sequence.unspoken and SILENT.issuperset(sequence.phones):
            unread = unread or sequence.unspoken[0]
        elif sequence.ids:
            any_read = True
            features = None if bert is None else bert.of_sequence(sequence)
            yield Piece(part, np.array(sequence.ids, np.int64), features, sequence.words)
    if unread and not any_read:
        advice = "say its language" + (f", one of: {', '.join(spoken)}" if spoken else "")
        raise NothingReadable(f"Nothing here can be read as {language!r}, not even {unread[:40]!r}; {advice}.")


def _short(text: str, read: Callable[[str], PhonemeSequence]) -> Iterator[tuple[str, PhonemeSequence]]:
    """The text as it is read, in parts if it would take longer than a minute to say: there stage 1 stops."""
    sequence = read(text)
    parts = halves(text) if len(sequence.ids) > MOST_PHONES else (text,)
    if len(parts) == 1:
        yield text, sequence
        return
    for part in parts:
        yield from _short(part, read)


def left_out(
    text: str,
    language: str,
    lexicon: Lexicon | None = None,
    method: str = "cut5",
    spoken: Collection[str] | None = None,
) -> tuple[str, ...]:
    """Words, each once, that speaking the text leaves out because the language cannot read them; before any sound.

    ``spoken`` as for `read_pieces`.

    Raises:
        TextError: as `read_pieces`, but for a text of which not a word can be read.
    """
    parts = text_pieces(text, language, method)
    return tuple(dict.fromkeys(word for part in parts for word in unreadable(part, language, lexicon, spoken)))


text_frontend = frontend()
"""Without own words and without BERT; pieces by the cutting method ``cut5``."""


def _speak_group(
    voice: Voice, group: list[Piece], conditioning: Conditioning, manner: Manner, first: int
) -> Iterator[tuple[Piece, Tokens, Floats]]:
    sampling = manner.of_piece(first).sampling
    phones, bert = [piece.phones for piece in group], [piece.bert for piece in group]
    tokens = voice.generate_many(phones, bert, conditioning, sampling)
    for offset, (piece, codes) in enumerate(zip(group, tokens, strict=True)):
        seed = None if sampling.seed is None else sampling.seed + offset
        wave = np.zeros(0, np.float32)
        if len(codes):
            wave = voice.decode(codes, piece.phones, conditioning.ge, manner.noise_scale, speed=manner.speed, seed=seed)
        yield piece, codes, limited(wave)


def _placed(voice: Voice, piece: Piece, codes: Tokens, wave: Floats, start: int) -> SpokenPiece:
    rate = voice.facts.sample_rate
    begin = start / rate
    times = word_times(wave, rate, piece.phones.tolist(), piece.words)
    words = tuple(WordTime(word.text, begin + word.start, begin + word.end) for word in times)
    return SpokenPiece(piece.text, start, start + len(wave), codes, words)


def silence(voice: Voice, seconds: float) -> Floats:
    """Zeros of that length."""
    return np.zeros(int(seconds * voice.facts.sample_rate), np.float32)
