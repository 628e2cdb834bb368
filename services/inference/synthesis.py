"""Synthesis as a service: everybody passes the same line, and the work ends when whoever asked is gone."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass

from prometheus_client import Counter

from gptsovits.audio.containers import CONTAINERS
from gptsovits.errors import VoiceError
from gptsovits.text import TextError
from services.common.errors import Unprocessable, VoiceHubError
from services.inference.admission import Line
from services.inference.domain.cancellation import Cancellation, Cancelled
from services.inference.domain.prompts import with_prompt
from services.inference.domain.voices import Voice
from services.inference.domain.wishes import Delivery, Form, Wish
from services.inference.provenance import Provenance
from services.inference.shelf import Shelf
from services.inference.speech import Facts, Job, Message, Ready, Start

_ENDED = Counter("voicehub_synthesis_ended", "Syntheses by how they ended", ["how"])
for _how in ("finished", "cancelled", "refused", "failed"):
    _ENDED.labels(_how)  # a rate needs a beginning


@dataclass(frozen=True)
class Recording:
    """A complete WAV file with its label, its rate in Hz, its length in seconds, and the words that it leaves out."""

    wav: bytes
    sample_rate: int
    seconds: float
    left_out: tuple[str, ...] = ()


class Synthesizer:
    """Speaks. Everybody passes the same line. Thread-safe.

    Args:
        check: raises what ends the speech of a version that was withdrawn meanwhile.
    """

    def __init__(
        self, shelf: Shelf, line: Line, provenance: Provenance, check: Callable[[str], None] = lambda _: None
    ) -> None:
        self._shelf, self._line, self._provenance, self._check = shelf, line, provenance, check

    def speak(self, voice: Voice, wish: Wish, account: str = "", cancellation: Cancellation | None = None) -> Recording:
        """The spoken text as a WAV file; errors as for `stream`."""
        form = Form(CONTAINERS["wav"])
        messages = list(self.stream(voice, wish, form, account, cancellation))
        start = next(message for message in messages if isinstance(message, Start))
        wav = b"".join(message for message in messages if isinstance(message, bytes))
        return Recording(wav, start.sample_rate, start.seconds, start.left_out)

    def timed(self, voice: Voice, wish: Wish, account: str) -> tuple[float, float]:
        """Speaks for the sake of the time: seconds of audio, seconds of work without waiting; errors as `stream`."""
        self.languages(voice)  # opens it: that is not the speed of speaking
        since = time.monotonic()
        form = Form(CONTAINERS["wav"], same_bytes=True)
        facts = [m for m in self.stream(voice, wish, form, account) if isinstance(m, Facts)][-1]
        return facts.seconds, time.monotonic() - since - facts.waited

    def languages(self, voice: Voice) -> tuple[str, ...]:
        """What the voice speaks, by the engine's names; Unprocessable if it cannot speak here."""
        return tuple(self._shelf.get(voice).engine.facts.languages)

    def stream(
        self, voice: Voice, wish: Wish, form: Form, account: str = "", cancellation: Cancellation | None = None
    ) -> Iterator[Message]:
        """First a `Start`, last `Facts`; between them bytes of the file, and the words with their times.

        Raises: as `together`.
        """
        with closing(self.together(voice, wish, form, account, cancellation)) as groups:
            for ready in groups:
                yield from ready

    def together(
        self, voice: Voice, wish: Wish, form: Form, account: str = "", cancellation: Cancellation | None = None
    ) -> Generator[Ready, None, None]:
        """As `stream`, what is there at the same time together.

        Raises:
            Invalid: the wish is out of bounds.
            Unprocessable: the voice cannot speak here, or not this language, or was withdrawn meanwhile.
            TooMany, Unavailable: too many others are waiting.
            Cancelled: the work was called off.
        """
        script, chosen, called_off = wish.script(), with_prompt(voice, wish.prompt), cancellation or Cancellation()
        job, how = None, "failed"
        try:
            whole = form.delivery is Delivery.FILE
            with self._line.place(account, called_off, whole=whole) as place:
                job = Job(self._shelf, chosen, voice, wish, script, form, place, self._check)
                yield from job.whole(self._provenance) if whole else job.streamed()
            how = "finished"
        except (Cancelled, GeneratorExit):
            how = "cancelled"
            raise
        except VoiceHubError:
            how = "refused"
            raise
        except (VoiceError, TextError) as error:
            how = "refused"
            raise Unprocessable(str(error), hint="Choose another text, language or voice.") from error
        finally:
            _ENDED.labels(how).inc()
            if job is not None:
                job.log(how)
