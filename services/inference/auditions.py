"""Audition samples: what a voice sounds like before it is pulled."""

from __future__ import annotations

import logging

from gptsovits.text import languages
from services.common.errors import TooMany, Unavailable, VoiceHubError
from services.common.objects import Area, ObjectStore
from services.inference.domain.sentences import SAMPLES
from services.inference.domain.voices import Voice
from services.inference.domain.wishes import Wish
from services.inference.synthesis import Synthesizer
from services.stubs.voicehub.common.v1 import common_pb2
from services.stubs.voicehub.inference.v1 import inference_pb2

log = logging.getLogger(__name__)
ACCOUNT = "/auditions"
"""What the line calls us; no account of a person has such a name."""


class Auditions:
    """Makes samples and stores them in the served area."""

    def __init__(self, objects: ObjectStore, synthesizer: Synthesizer) -> None:
        self._objects, self._synthesizer = objects, synthesizer

    def make(self, voice: Voice) -> list[inference_pb2.Audition]:
        """Two sentences for each language of the card that can be read here; one that fails is left out."""
        samples = []
        for language in readable(voice):
            for number, text in enumerate(SAMPLES[language]):
                try:
                    samples.append(self._make(voice, language, text, number))
                except (TooMany, Unavailable):
                    raise  # the event comes again when the line is shorter
                except VoiceHubError as error:
                    log.warning(
                        "no sample", extra={"version": voice.version_id, "language": language, "reason": error.message}
                    )
        return samples

    def _make(self, voice: Voice, language: str, text: str, seed: int) -> inference_pb2.Audition:
        spoken = self._synthesizer.speak(voice, Wish(text, language, seed), ACCOUNT)
        kept = self._objects.put(Area.SERVED, [spoken.wav])
        reference = common_pb2.ObjectRef(digest=kept.digest, size=kept.size)
        return inference_pb2.Audition(text=text, language=language, object=reference, seconds=spoken.seconds)


def readable(voice: Voice) -> list[str]:
    """The card's languages whose front end is installed."""
    installed = {code for code, language in languages().items() if not language.missing}
    return [code for code in voice.languages if code in installed and code in SAMPLES]
