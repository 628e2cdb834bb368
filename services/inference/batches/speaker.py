"""One take: a line by a voice, into the object store."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from gptsovits.runtime.timing import WordTime
from services.common.database import Database
from services.common.errors import Unprocessable
from services.common.languages import engine_language
from services.common.objects import Area, ObjectStore
from services.inference import store as voices
from services.inference.batches.freeing import free, may_be_sample
from services.inference.domain.batches import Batch, Spoken, Take
from services.inference.domain.cancellation import Cancellation
from services.inference.domain.fairness import BACKGROUND
from services.inference.domain.voices import Voice
from services.inference.domain.wishes import Delivery, Form, Wish, form
from services.inference.known import withdrawn
from services.inference.speech import Facts, Message, Start
from services.inference.synthesis import Synthesizer


@dataclass
class _Heard:
    seconds: float = 0.0
    waited: float = 0.0
    words: list[WordTime] = field(default_factory=list)
    left_out: tuple[str, ...] = ()


class TakeSpeaker:
    """Speaks takes. Thread-safe."""

    def __init__(self, database: Database, objects: ObjectStore, synthesizer: Synthesizer) -> None:
        self._database, self._objects, self._synthesizer = database, objects, synthesizer

    def speak(self, batch: Batch, take: Take, called_off: Cancellation) -> Spoken:
        """Speaks in the background and stores the file; errors as `Synthesizer.stream`, OSError from the store.

        A voice that was withdrawn meanwhile has said nothing, and nothing of it stays.
        """
        voice, heard, since = self._voice(batch, take), _Heard(), time.monotonic()
        messages = self._synthesizer.stream(voice, wish_of(batch, take), form_of(batch), BACKGROUND, called_off)
        kept = self._objects.put(Area.SERVED, _audio(messages, heard))
        words = tuple((word.text, round(word.start, 4), round(word.end, 4)) for word in heard.words)
        machine = time.monotonic() - since - heard.waited
        try:
            self._voice(batch, take)
        except Unprocessable:
            if not may_be_sample(take):
                free(self._database, self._objects, kept.digest)
            raise
        return Spoken(kept.digest, kept.size, heard.seconds, words, machine, left_out=heard.left_out)

    def _voice(self, batch: Batch, take: Take) -> Voice:
        with self._database.read() as session:
            voice = voices.find(session, batch.voices[take.voice].version_id)
        if voice is None:
            raise withdrawn()
        return voice


def wish_of(batch: Batch, take: Take) -> Wish:
    """What is to be said, and how."""
    manner, line = batch.manner, take.line
    seed = manner.seed if line.seed is None else line.seed
    language = engine_language(line.language or manner.language)
    return Wish(line.text, language, seed, manner.speed, prompt=batch.voices[take.voice].prompt)


def form_of(batch: Batch) -> Form:
    """The files of a batch; Invalid if there is no such form."""
    wanted = form(batch.manner.form, batch.manner.sample_rate, Delivery.FILE)
    return Form(wanted.container, wanted.sample_rate, wanted.delivery, same_bytes=True)


def _audio(messages: Iterable[Message], heard: _Heard) -> Iterator[bytes]:
    """The bytes of the file; what is said about it goes into `heard`."""
    for message in messages:
        if isinstance(message, bytes):
            yield message
        elif isinstance(message, Start):
            heard.seconds, heard.left_out = message.seconds, message.left_out
        elif isinstance(message, Facts):
            heard.waited = message.waited
        else:
            heard.words += message
