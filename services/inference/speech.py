"""One synthesis under way: sounds made turn by turn, coded as they come or written into a whole file."""

from __future__ import annotations

import io
import json
import logging
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, cast

import numpy as np
from prometheus_client import Counter

from gptsovits.audio import encoding
from gptsovits.audio.dsp import Floats
from gptsovits.audio.notice import notice
from gptsovits.runtime.label import aigc
from gptsovits.runtime.performing import Part, Performance
from gptsovits.runtime.speaking import PAUSE_SECONDS, Manner, check_language
from gptsovits.runtime.streaming import Chunks
from gptsovits.runtime.timing import WordTime
from services.common.errors import Unprocessable
from services.inference.admission import Place
from services.inference.domain.script import Script, Stretch
from services.inference.domain.voices import Voice
from services.inference.domain.wishes import Delivery, Form, Wish
from services.inference.provenance import Provenance
from services.inference.reading import read, unread
from services.inference.shelf import OpenVoice, Shelf

log = logging.getLogger(__name__)
IN_MEMORY = 8 << 20
"""A whole file above that many bytes is kept on disk while it is made."""
BLOCK = 256 << 10
LONGEST_SECONDS = 3600.0
"""Of one synthesis: many long breaks or a slow speed make any text long."""
_TOKENS = Counter("voicehub_synthesis_tokens", "Tokens of stage 1")


@dataclass(frozen=True)
class Start:
    """What is known before the first sound; ``size`` in bytes and ``seconds`` are 0 in a stream.

    ``left_out`` are words of the text that the language has no sounds for.
    """

    form: Form
    sample_rate: int
    version_id: str
    provenance: str
    size: int = 0
    seconds: float = 0.0
    left_out: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """The AIGC label as JSON."""
        return json.dumps(aigc(self.version_id)["AIGC"], ensure_ascii=False)


@dataclass(frozen=True)
class Facts:
    """How it went; ``waited`` seconds for others' turns."""

    seconds: float
    tokens: int
    characters: int
    waited: float


Message = Start | bytes | tuple[WordTime, ...] | Facts
Ready = list[Message]
"""What is there at the same time, in order."""


@dataclass
class Job:
    """One synthesis under way; `check` is asked at every token whether its version may still be heard."""

    shelf: Shelf
    chosen: Voice
    voice: Voice
    wish: Wish
    script: Script
    form: Form
    place: Place
    check: Callable[[str], None]
    tokens: int = 0
    samples: int = 0
    own_rate: int = 0
    over: bool = False
    left_out: tuple[str, ...] = ()
    words: list[WordTime] = field(default_factory=list)

    def streamed(self) -> Iterator[Ready]:
        """Sound and words as they come."""
        waves = self._waves()
        first = next(waves)
        rate = self.form.rate(self.own_rate)
        why = "none: a stream cannot be signed before it ends"
        ready: Ready = [Start(self.form, rate, self.voice.version_id, why, left_out=self.left_out)]
        coded = encoding.stream(_again(first, waves), self.own_rate, self.form.container, rate, self.voice.version_id)
        for block in coded:
            if block:
                ready.append(block)
            if self.words:
                ready.append(tuple(self.words))
                self.words.clear()
            if ready and not self.over:
                yield ready
                ready = []
        yield [*ready, self._facts()]

    def whole(self, provenance: Provenance) -> Iterator[Ready]:
        """The file when it is complete."""
        with tempfile.SpooledTemporaryFile(IN_MEMORY) as spooled:
            file = cast(BinaryIO, spooled)
            waves = self._waves()
            first = next(waves)
            rate, container, version = self.form.rate(self.own_rate), self.form.container, self.voice.version_id
            seconds = encoding.write(_again(first, waves), self.own_rate, container, rate, version, file)
            with provenance.signed(file, container, version, self.form.same_bytes) as (signed, how):
                size = signed.seek(0, io.SEEK_END)
                signed.seek(0)
                start = Start(self.form, rate, version, how, size, seconds, self.left_out)
                ready: Ready = [start, tuple(self.words)]
                while block := signed.read(BLOCK):
                    yield [*ready, block]
                    ready = []
            yield [*ready, self._facts()]

    def _waves(self) -> Iterator[Floats]:
        """The sounds, each made in a turn of its own."""
        with self.place.turn():
            opened = self.shelf.get(self.chosen)
            parts = self._parts(opened)
        self.own_rate = opened.engine.facts.sample_rate
        lead = notice(self.own_rate) if self.wish.notice else np.zeros(0, np.float32)
        begin = len(lead) / self.own_rate
        for part in self._in_turns(parts):
            self.over = part.last
            wave = np.concatenate((lead, part.wave)) if len(lead) else part.wave
            lead = lead[:0]
            self._lengthen(len(wave))
            self.words += [WordTime(word.text, begin + word.start, begin + word.end) for word in part.words]
            yield wave

    def _in_turns(self, parts: Iterator[Part]) -> Iterator[Part]:
        """What nobody hears before its end goes on at once; else whoever reads may take his time between two turns."""
        if self.form.delivery is Delivery.FILE:
            with self.place.turn():
                for part in parts:
                    yield part
                    self.place.again()
            return
        while True:
            with self.place.turn():
                ready = next(parts, None)
            if ready is None:
                return
            yield ready

    def _lengthen(self, samples: int) -> None:
        self.samples += samples
        if self.samples > LONGEST_SECONDS * self.own_rate:
            raise Unprocessable(
                f"The speech is longer than {LONGEST_SECONDS:g} seconds.",
                hint="Send the text in parts, or with shorter breaks.",
                reason="SPEECH_TOO_LONG",
            )

    def _parts(self, opened: OpenVoice) -> Iterator[Part]:
        wish, spoken = self.wish, opened.engine.facts.languages
        language = wish.language or next((code for code in self.voice.languages if code in spoken), spoken[0])
        check_language(opened.engine, language)
        self.left_out = unread(self.script, language, opened, wish.cutting)
        manner = Manner(
            sampling=wish.ways.applied(opened.sampling, wish.seed),
            speed=wish.speed,
            pause=PAUSE_SECONDS if wish.pause is None else wish.pause,
        )
        chunks = Chunks() if self.form.delivery is Delivery.CHUNKS else None
        performance = Performance(opened.engine, opened.conditioning, manner, chunks, self._on_token)
        return performance.parts(read(self.script, language, opened, wish.cutting))

    def _on_token(self) -> None:
        self.place.step()
        self.check(self.voice.version_id)
        self.tokens += 1
        _TOKENS.inc()

    def log(self, how: str) -> None:
        """One line about how it went."""
        facts = {"version": self.voice.version_id, "how": how, "tokens": self.tokens, "samples": self.samples}
        log.info("synthesis", extra={**facts, "waited": round(self.place.waited, 4)})

    def _facts(self) -> Facts:
        characters = sum(item.characters for item in self.script if isinstance(item, Stretch))
        return Facts(self.samples / self.own_rate, self.tokens, characters, self.place.waited)


def _again(first: Floats, others: Iterator[Floats]) -> Iterator[Floats]:
    yield first
    yield from others
