"""A batch: lines × voices. Each line by each voice is a take; takes are worked on in shards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from gptsovits.audio.containers import CONTAINERS
from services.common.errors import Conflict, Invalid, Unprocessable
from services.inference.domain.lists.line import Line

SHARD_TAKES = 8
SHARDS_ON_THE_BUS = 4
"""Of one batch at a time, so that batches take turns, and a cancelled one leaves little behind."""
MOST_VOICES = 16
MOST_TAKES = 40_000
MOST_OPEN = 8
"""Batches of one account that are under way."""
FORMATS = ("wav", "flac", "mp3")
"""Whose bytes are the same every time and have a place for the label: Opus draws a stream number, PCM is bare."""


class State(StrEnum):
    """Where a batch stands."""

    RUNNING = "running"
    PACKING = "packing"
    FINISHED = "finished"
    CANCELLED = "cancelled"
    DELETED = "deleted"

    @property
    def ended(self) -> bool:
        """Nothing more is spoken unless somebody resumes it."""
        return self in (State.FINISHED, State.CANCELLED, State.DELETED)


class TakeState(StrEnum):
    """Where a take stands."""

    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True)
class Chosen:
    """A voice as it was asked for (`owner/name[@ref][#prompt]`), and the version that this meant."""

    name: str
    version_id: str
    prompt: str = ""


@dataclass(frozen=True)
class Manner:
    """How the lines are spoken: default ``language``, file ``form``, ``sample_rate`` in Hz (0: the voice's own)."""

    language: str = ""
    form: str = "wav"
    sample_rate: int = 0
    seed: int = 0
    speed: float = 1.0

    def __post_init__(self) -> None:
        """Invalid, if its files could not be made again byte for byte."""
        if self.form not in FORMATS:
            raise Invalid(
                f"Batches are not made as {self.form!r}.",
                hint=f"Use one of {', '.join(FORMATS)}.",
                fields={"format": f"one of {', '.join(FORMATS)}"},
            )
        if self.seed < 0:
            raise Invalid("A batch needs a seed.", hint="Choose 0 or more.", fields={"seed": "0 or more"})

    @property
    def ending(self) -> str:
        """Of the files' names, with its point."""
        return CONTAINERS[self.form].ending


@dataclass(frozen=True)
class Batch:
    """A batch without its lines.

    Attributes:
        attempt: counts resumptions; shards of earlier ones have no effect.
        issued: the last shard that was put on the bus in this attempt.
        sequence: grows with everything that happens to it.
    """

    id: str
    account: str
    state: State
    voices: tuple[Chosen, ...]
    manner: Manner
    list_format: str
    lines: int
    create_time: datetime
    attempt: int = 1
    issued: int = -1
    sequence: int = 0
    end_time: datetime | None = None
    zip_digest: str = ""
    zip_size: int = 0


@dataclass(frozen=True)
class Spoken:
    """What became of a take: an object with its ``words`` as (text, start, end), or an ``error``.

    ``left_out`` are words that the language has no sounds for.
    """

    digest: str = ""
    size: int = 0
    seconds: float = 0.0
    words: Sequence[tuple[str, float, float]] = ()
    machine_seconds: float = 0.0
    error: str = ""
    left_out: Sequence[str] = ()


@dataclass(frozen=True)
class Take:
    """A line by the voice of that index; ``number`` counts lines from 1."""

    voice: int
    number: int
    line: Line
    state: TakeState = TakeState.WAITING
    sequence: int = 0
    spoken: Spoken = field(default_factory=Spoken)

    @property
    def characters(self) -> int:
        """Of its text."""
        return len(self.line.text)

    @property
    def waits(self) -> bool:
        """Whether it is still to be spoken."""
        return self.state is TakeState.WAITING

    @property
    def overrun(self) -> float:
        """Seconds by which the speech is longer than its subtitle."""
        if self.line.start is None or self.line.end is None:
            return 0.0
        return max(self.spoken.seconds - (self.line.end - self.line.start), 0.0)


def takes_of(voices: Sequence[Chosen], lines: Sequence[Line]) -> list[Take]:
    """All takes, voice by voice; those that nobody could speak have failed already.

    Raises:
        Unprocessable: a line names a voice that the batch has not, or there are too many takes.
    """
    names = {chosen.name: index for index, chosen in enumerate(voices)}
    for number, line in enumerate(lines, start=1):
        if line.voice and line.voice not in names:
            raise Unprocessable(
                f"Line {number} ({line.id}) asks for the voice {line.voice!r}, which is none of the batch's.",
                hint=f"Name it in `voices`, too; they are: {', '.join(names)}.",
                reason="UNKNOWN_VOICE",
            )
    made = [
        _take(index, number, line)
        for index, chosen in enumerate(voices)
        for number, line in enumerate(lines, start=1)
        if line.voice in ("", chosen.name)
    ]
    if len(made) > MOST_TAKES:
        raise Unprocessable(
            f"{len(lines)} lines by {len(voices)} voices are {len(made)} takes; at most {MOST_TAKES} are one batch.",
            hint="Make several batches.",
            reason="TOO_MANY_TAKES",
        )
    return made


def check_resumable(batch: Batch, failed: int) -> None:
    """Conflict, if there is nothing to be resumed."""
    if batch.state is State.FINISHED and not failed:
        raise Conflict("The batch is finished, and nothing failed.", hint="Fetch its zip.", reason="BATCH_FINISHED")


def check_cancellable(batch: Batch) -> None:
    """Conflict, if the batch has ended."""
    if batch.state.ended:
        raise Conflict(f"The batch is {batch.state.value}.", hint="There is nothing to cancel.", reason="BATCH_ENDED")


def check_deletable(batch: Batch) -> None:
    """Conflict, if it is still worked on."""
    if not batch.state.ended or not batch.zip_digest:
        hint = "Cancel it, and wait until what there is has been packed."
        raise Conflict(f"The batch is {batch.state.value}.", hint=hint, reason="BATCH_RUNNING")


def file_name(batch: Batch, take: Take) -> str:
    """The name of a take in the zip."""
    return f"{folder_name(batch, take.voice)}/{take.number:05}-{_slug(take.line.id)}{batch.manner.ending}"


def folder_name(batch: Batch, voice: int) -> str:
    """The folder of a voice in the zip."""
    name = _slug(batch.voices[voice].name.replace("/", "--"))
    return f"{voice + 1:02}-{name}" if len(batch.voices) > 1 else name


def manifest_entry(batch: Batch, take: Take) -> Mapping[str, Any]:
    """What the manifest says of a take; times in seconds."""
    line, spoken, chosen = take.line, take.spoken, batch.voices[take.voice]
    entry: dict[str, Any] = {
        "line": line.id,
        "number": take.number,
        "voice": chosen.name,
        "version": chosen.version_id,
        "text": line.text,
        "language": line.language or batch.manner.language,
        "state": take.state.value,
    }
    if take.state is TakeState.DONE:
        entry |= {
            "file": file_name(batch, take),
            "digest": spoken.digest,
            "size": spoken.size,
            "seconds": round(spoken.seconds, 4),
            "words": [{"text": text, "start": start, "end": end} for text, start, end in spoken.words],
            "left_out": list(spoken.left_out),
        }
    if line.start is not None:
        entry |= {"start": line.start, "end": line.end, "overrun": round(take.overrun, 4)}
    return entry | ({"error": spoken.error} if spoken.error else {})


def _take(voice: int, number: int, line: Line) -> Take:
    if not line.obstacle:
        return Take(voice, number, line)
    return Take(voice, number, line, TakeState.FAILED, spoken=Spoken(error=line.obstacle))


def _slug(text: str) -> str:
    plain = "".join(char if char.isalnum() or char in "-_." else "_" for char in text)
    return plain.strip(".")[:60] or "_"
