"""Sound while the sentence is still being thought: chunks of tokens are decoded as they come and faded together.

Each chunk is decoded from all tokens that are known by then, beginning ``context`` tokens before the sound that is
still missing. Apart from the cross-fades its samples are those of decoding all these tokens at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from gptsovits.errors import MissingInput
from gptsovits.runtime.noise import FrameNoise
from gptsovits.runtime.prompt import Conditioning
from gptsovits.runtime.sampling import Floats, Tokens
from gptsovits.runtime.speaking import Frontend, Manner, Piece, check_language, frontend, silence
from gptsovits.runtime.voice import Voice, frames_at_speed


@dataclass(frozen=True)
class Chunks:
    """Sizes in tokens of 40 ms. ``first`` decides when the first sound comes; chunks then double up to ``largest``.

    ``lookahead`` tokens are known beyond the end of a chunk, so that its last sounds know what follows. ``fade`` and
    ``context`` are of sound, 40 ms each at any speed: the beginning of what follows is decoded twice and faded, and
    ``context`` covers the reach of flow and generator (44 frames in the published network).
    """

    first: int = 10
    largest: int = 50
    lookahead: int = 4
    fade: int = 1
    context: int = 24

    def __post_init__(self) -> None:
        if not 1 <= self.first <= self.largest or not 1 <= self.fade <= self.lookahead or self.context < 0:
            raise ValueError("chunks need 1 <= first <= largest, 1 <= fade <= lookahead and a context of at least 0")

    def ends(self) -> Iterator[int]:
        """With how many tokens each chunk can be decoded, without end."""
        size, end = self.first, self.first + self.lookahead
        while True:
            yield end
            size = min(2 * size, self.largest)
            end += size


def speak_chunks(
    voice: Voice,
    text: str,
    language: str,
    conditioning: Conditioning,
    manner: Manner | None = None,
    chunks: Chunks | None = None,
    reader: Frontend | None = None,
) -> Iterator[Floats]:
    """The wave of a text of any length in parts, the first as early as possible; pauses lie between the sentences.

    A stream cannot know its loudest sample beforehand: samples above full scale are for the caller to clip.
    """
    chosen, sizes = manner or Manner(), chunks or Chunks()
    pieces = (reader or frontend(spoken=voice.facts.languages))(text, language)
    if not pieces:
        raise MissingInput("The text has no words that can be spoken; write at least one word.")
    check_language(voice, language)
    for number, piece in enumerate(pieces):
        yield from stream_piece(voice, piece, conditioning, chosen.of_piece(number), sizes)
        if chosen.pause > 0:
            yield silence(voice, chosen.pause)


def stream_piece(
    voice: Voice, piece: Piece, conditioning: Conditioning, manner: Manner, chunks: Chunks,
    tokens: Iterable[int] | None = None,
) -> Iterator[Floats]:  # fmt: skip
    """One piece; together the parts are as long as the piece spoken whole. ``tokens``: if they come from elsewhere."""
    decoder = ChunkDecoder(voice, piece.phones, conditioning.ge, manner, chunks)
    codes: list[int] = []
    ends = chunks.ends()
    due = next(ends)
    if tokens is None:
        tokens = voice.stream_tokens(piece.phones, piece.bert, conditioning, manner.sampling)
    for token in tokens:
        codes.append(token)
        if len(codes) == due:
            yield decoder.push(np.array(codes, np.int64))
            due = next(ends)
    if codes:
        yield decoder.push(np.array(codes, np.int64), final=True)


class ChunkDecoder:
    """Decodes one piece chunk by chunk."""

    def __init__(self, voice: Voice, phones: Tokens, ge: Floats, manner: Manner, chunks: Chunks) -> None:
        self._voice, self._phones, self._ge = voice, phones, ge
        self._manner, self._chunks = manner, chunks
        self._noise = FrameNoise(manner.sampling.seed, voice.facts.latent_channels)
        self._hop = voice.facts.samples_per_token // 2
        self._sent = 0
        self._tail = np.zeros(0, np.float32)

    def push(self, codes: Tokens, final: bool = False) -> Floats:
        """The next samples, when ``codes (T,)`` are all tokens so far."""
        speed, sizes = self._manner.speed, self._chunks
        known = frames_at_speed(2 * len(codes), speed) if final else int(2 * len(codes) / speed)
        fade = 2 * sizes.fade
        ahead = max(int(2 * sizes.lookahead / speed), fade + 1)  # a fast voice would have nothing left to fade
        end = known if final else max(self._sent, known - ahead)
        begin = max(0, self._sent - 2 * sizes.context)
        noise = self._noise.until(known)
        wave = self._voice.decode_window(codes, self._phones, self._ge, self._manner.noise_scale, noise, begin, speed)
        fresh = faded(self._tail, wave[(self._sent - begin) * self._hop :])
        ready = (end - self._sent) * self._hop
        self._tail = fresh[ready : ready + fade * self._hop].copy()
        self._sent = end
        return fresh[:ready]


def faded(old: Floats, new: Floats) -> Floats:
    """``new`` with its beginning faded in from ``old`` by a raised cosine: the same sound twice stays the same."""
    length = min(len(old), len(new))
    if not length:
        return new
    rise = (0.5 - 0.5 * np.cos(np.pi * (np.arange(length) + 0.5) / length)).astype(np.float32)
    return np.concatenate((old[:length] * (1 - rise) + new[:length] * rise, new[length:]))
