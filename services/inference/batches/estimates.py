"""What a batch would cost, before it is made: from what the voices took of late, or from a sentence spoken now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.common.database import Database
from services.common.errors import NotFound
from services.inference import store
from services.inference.batches import takes
from services.inference.batches.speaker import wish_of
from services.inference.batches.takes import Speed
from services.inference.domain.batches import Batch, Take
from services.inference.domain.sentences import SAMPLES
from services.inference.domain.voices import Voice
from services.inference.domain.wishes import Wish
from services.inference.synthesis import Synthesizer


@dataclass(frozen=True)
class VoiceCost:
    """Of one voice: takes and characters that it would speak, seconds of audio and of the machine, and how we know."""

    takes: int
    characters: int
    audio_seconds: float
    machine_seconds: float
    source: str


@dataclass(frozen=True)
class Refusal:
    """A take that would fail, and why."""

    take: Take
    reason: str


@dataclass(frozen=True)
class Estimate:
    """A cost for each voice, in order, and all refusals."""

    voices: tuple[VoiceCost, ...]
    refusals: tuple[Refusal, ...]


class Estimator:
    """Measures. Thread-safe."""

    def __init__(self, database: Database, synthesizer: Synthesizer) -> None:
        self._database, self._synthesizer = database, synthesizer

    def estimate(self, batch: Batch, planned: Sequence[Take]) -> Estimate:
        """The cost of takes that were not made yet.

        Raises:
            NotFound: a version is not exported.
            TooMany, Unavailable: there is no place to measure in now.
        """
        costs, refusals = [], []
        for index, chosen in enumerate(batch.voices):
            mine = [take for take in planned if take.voice == index]
            cost, refused = self._voice(batch, self._find(chosen.version_id), mine)
            costs.append(cost)
            refusals += refused
        return Estimate(tuple(costs), tuple(refusals))

    def _voice(self, batch: Batch, voice: Voice, mine: Sequence[Take]) -> tuple[VoiceCost, list[Refusal]]:
        spoken = self._synthesizer.languages(voice)
        reasons = [(take, _reason(take, wish_of(batch, take).language, spoken)) for take in mine]
        refused = [Refusal(take, reason) for take, reason in reasons if reason]
        able: dict[str, list[Take]] = {}
        for take, reason in reasons:
            if not reason:
                able.setdefault(take.line.language or batch.manner.language, []).append(take)
        audio, machine, sources = 0.0, 0.0, []
        for language, group in able.items():
            speed, source = self._speed(batch, voice, language, group, spoken)
            characters = sum(len(take.line.text) for take in group)
            audio += characters * speed.audio / batch.manner.speed
            machine += characters * speed.machine
            sources.append(f"{language}: {source}" if language else source)
        total = sum(len(take.line.text) for group in able.values() for take in group)
        count = sum(map(len, able.values()))
        return VoiceCost(count, total, audio, machine, "; ".join(sources) or "nothing to speak"), refused

    def _speed(
        self, batch: Batch, voice: Voice, language: str, group: Sequence[Take], spoken: Sequence[str]
    ) -> tuple[Speed, str]:
        with self._database.read() as session:
            known = takes.speed(session, voice.version_id, language)
        if known is not None:
            return known, f"measured on the last {known.takes} takes of this voice on this hub"
        wish = wish_of(batch, group[0])
        code = _measured(wish.language, [*voice.languages, *spoken], spoken)
        text = SAMPLES[code][0]
        said = Wish(text, code, wish.seed, prompt=wish.prompt)
        audio, machine = self._synthesizer.timed(voice, said, batch.account)
        return Speed(audio / len(text), machine / len(text), 1), "measured now on one sentence"

    def _find(self, version_id: str) -> Voice:
        with self._database.read() as session:
            voice = store.find(session, version_id)
        if voice is None:
            raise NotFound("This version is not exported yet.", hint="Wait until it is published.")
        return voice


def _measured(language: str, preferred: Sequence[str], spoken: Sequence[str]) -> str:
    """The language of the sample: the one that is asked for; for modes of several, the first that the voice speaks.

    A line is no measure: it may be one of which nothing can be read.
    """
    plain = language.removeprefix("all_")
    return plain if plain in SAMPLES else next(code for code in preferred if code in spoken and code in SAMPLES)


def _reason(take: Take, language: str, spoken: Sequence[str]) -> str:
    if take.spoken.error:
        return take.spoken.error
    plain = language.removeprefix("all_")
    if language and not plain.startswith("auto") and plain not in spoken:
        return f"This voice does not speak {language!r}; it speaks: {', '.join(spoken)}."
    return ""
