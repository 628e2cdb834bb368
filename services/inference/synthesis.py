"""Text to a labelled WAV with an opened voice, a bounded number at a time."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace

from gptsovits.errors import VoiceError
from gptsovits.runtime.label import labelled_wav
from gptsovits.runtime.speaking import Manner, frontend, speak
from gptsovits.text import TextError
from services.common.errors import Invalid, TooMany, Unprocessable
from services.inference.domain.voices import Voice
from services.inference.shelf import OpenVoice, Shelf

MAX_CHARACTERS = 500
MIN_SPEED, MAX_SPEED = 0.5, 2.0


@dataclass(frozen=True)
class Wish:
    """What is to be said. An empty language is the card's first; a seed makes it repeatable."""

    text: str
    language: str = ""
    seed: int = 0
    speed: float = 1.0


@dataclass(frozen=True)
class Recording:
    """A complete WAV file with its label, its rate in Hz and its length in seconds."""

    wav: bytes
    sample_rate: int
    seconds: float


class Synthesizer:
    """Speaks; at most `at_once` wishes are worked on, others wait `patience` seconds for their turn."""

    def __init__(self, shelf: Shelf, at_once: int = 1, patience: float = 20.0) -> None:
        self._shelf, self._patience = shelf, patience
        self._turns = threading.BoundedSemaphore(at_once)

    def speak(self, voice: Voice, wish: Wish) -> Recording:
        """The spoken text.

        Raises:
            Invalid: the text or the speed is out of bounds.
            Unprocessable: the voice cannot speak here, or not this language.
            TooMany: too many others are waiting.
        """
        check(wish)
        if not self._turns.acquire(timeout=self._patience):
            raise TooMany(
                "Too many syntheses are waiting.", hint="Try again in a minute, or pull the voice and say it locally."
            )
        try:
            return self._speak(self._shelf.get(voice), voice, wish)
        except (VoiceError, TextError) as error:
            raise Unprocessable(str(error), hint="Choose another text, language or voice.") from error
        finally:
            self._turns.release()

    def _speak(self, opened: OpenVoice, voice: Voice, wish: Wish) -> Recording:
        spoken = opened.engine.facts.languages
        language = wish.language or next((code for code in voice.languages if code in spoken), spoken[0])
        manner = Manner(sampling=replace(opened.sampling, seed=wish.seed), speed=wish.speed)
        speech = speak(
            opened.engine, wish.text, language, opened.conditioning, manner, frontend(opened.lexicons, opened.bert)
        )
        return Recording(
            labelled_wav(speech.wave, speech.sample_rate, voice.version_id), speech.sample_rate, speech.seconds
        )


def check(wish: Wish) -> None:
    """Refuses wishes out of bounds."""
    if not wish.text.strip():
        raise Invalid("There is no text to speak.", fields={"text": "must not be empty"})
    if len(wish.text) > MAX_CHARACTERS:
        raise Invalid(
            f"The text has {len(wish.text)} characters; at most {MAX_CHARACTERS} are spoken at once here.",
            hint="Cut it, or pull the voice and say it on your own machine.",
            fields={"text": f"at most {MAX_CHARACTERS} characters"},
        )
    if not MIN_SPEED <= wish.speed <= MAX_SPEED:
        raise Invalid("The speed is out of bounds.", fields={"speed": f"{MIN_SPEED} to {MAX_SPEED}; 1 is natural"})
