"""Batches on the hub: a list of lines by some voices, followed until its zip is there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from voicehub.decoding import decode
from voicehub.downloads import Wanted, fetch_file
from voicehub.errors import NotFound
from voicehub.events import refuse_problem
from voicehub.models import ObjectRef, Upload
from voicehub.sse import ServerEvent
from voicehub.transport import Transport
from voicehub.uploads import OnBytes, ignore_progress

PATIENCE = 200.0
"""Seconds that the hub may take to read a list and to measure its voices."""
ENDED = ("finished", "cancelled")


@dataclass(frozen=True)
class BatchVoice:
    """How far one voice of a batch is; `seconds` of audio."""

    name: str
    version_id: str = ""
    total: int = 0
    done: int = 0
    failed: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Batch:
    """A batch: running, packing, finished or cancelled; its zip when it is made."""

    id: str
    state: str = "running"
    voices: tuple[BatchVoice, ...] = ()
    lines: int = 0
    total: int = 0
    done: int = 0
    failed: int = 0
    seconds: float = 0.0
    list_format: str = ""
    format: str = ""
    create_time: datetime | None = None
    end_time: datetime | None = None
    zip: ObjectRef | None = None

    @property
    def final(self) -> bool:
        """Nothing more is spoken unless somebody resumes it."""
        return self.state in ENDED


@dataclass(frozen=True)
class Take:
    """A line by a voice: waiting, done or failed."""

    voice: str
    line: str = ""
    number: int = 0
    text: str = ""
    language: str = ""
    state: str = "waiting"
    audio: ObjectRef | None = None
    file: str = ""
    seconds: float = 0.0
    error: str = ""
    words: tuple[Mapping[str, Any], ...] = ()
    left_out: tuple[str, ...] = ()
    slot: Mapping[str, float] | None = None


@dataclass(frozen=True)
class _Happened:
    batch: Batch
    takes: tuple[Take, ...] = ()


@dataclass(frozen=True)
class VoiceEstimate:
    """What one voice would cost, and where its speed is known from."""

    name: str
    takes: int = 0
    characters: int = 0
    audio_seconds: float = 0.0
    machine_seconds: float = 0.0
    source: str = ""


@dataclass(frozen=True)
class Refusal:
    """A take that would fail, and why."""

    voice: str
    line: str = ""
    number: int = 0
    reason: str = ""


@dataclass(frozen=True)
class Estimate:
    """What a batch would cost; of its `refused` takes the first hundred."""

    lines: int = 0
    takes: int = 0
    characters: int = 0
    audio_seconds: float = 0.0
    machine_seconds: float = 0.0
    voices: tuple[VoiceEstimate, ...] = ()
    refused: int = 0
    refusals: tuple[Refusal, ...] = ()
    list_format: str = ""


@dataclass(frozen=True)
class Plan:
    """Who speaks, and how: voices as `owner/name[@ref][#prompt]`, files as wav, flac or mp3."""

    voices: Sequence[str]
    language: str = ""
    format: str = "wav"
    seed: int = 0
    speed: float = 1.0
    list_format: str = ""
    more: Mapping[str, Any] = field(default_factory=dict)

    def body(self, upload: Upload) -> dict[str, Any]:
        """The request for a list that was uploaded."""
        words = {"language": self.language, "list_format": self.list_format}
        said = {name: value for name, value in words.items() if value}
        plain = {"voices": list(self.voices), "format": self.format, "seed": self.seed, "speed": self.speed}
        return {"upload": upload.id, **plain, **said, **self.more}


class Batches:
    """The batches of the user on one hub: `Client().batches`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def estimate(self, plan: Plan, upload: Upload) -> Estimate:
        """What it would cost; nothing is made."""
        return decode(Estimate, self._json("POST", "/v1/batch-estimates", body=plan.body(upload), seconds=PATIENCE))

    def create(self, plan: Plan, upload: Upload) -> Batch:
        """Begins; Refused says where the list is wrong."""
        return decode(Batch, self._json("POST", "/v1/batches", body=plan.body(upload), seconds=PATIENCE))

    def get(self, batch: str) -> Batch:
        """A batch of the user; NotFound for any other."""
        return decode(Batch, self._json("GET", f"/v1/batches/{batch}"))

    def all(self) -> Iterator[Batch]:
        """All batches of the user, newest first."""
        return (decode(Batch, item) for item in self._transport.items("/v1/batches"))

    def takes(self, batch: str, state: str = "") -> Iterator[Take]:
        """What became of each line by each voice; of one state if it is said."""
        return (decode(Take, item) for item in self._transport.items(f"/v1/batches/{batch}/takes", {"state": state}))

    def cancel(self, batch: str) -> Batch:
        """Stops; what is spoken stays."""
        return decode(Batch, self._json("POST", f"/v1/batches/{batch}/cancel"))

    def resume(self, batch: str) -> Batch:
        """Goes on with what is not done, and tries again what failed."""
        return decode(Batch, self._json("POST", f"/v1/batches/{batch}/resume"))

    def delete(self, batch: str) -> None:
        """Removes a batch that has ended, with all that it made; Conflict while it is worked on."""
        self._json("DELETE", f"/v1/batches/{batch}")

    def watch(self, batch: str) -> Iterator[tuple[Batch, tuple[Take, ...]]]:
        """The batch as it goes on, with the takes that ended since, until it has ended."""
        for event in self._transport.events(f"/v1/batches/{batch}/events", _ended):
            if event.event == "progress":
                happened = decode(_Happened, event.json())
                yield happened.batch, happened.takes

    def fetch(self, batch: Batch, target: Path, on_bytes: OnBytes = ignore_progress) -> None:
        """The zip, going on where an earlier try stopped; NotFound if it is not made."""
        if batch.zip is None:
            raise NotFound("The zip of this batch is not made yet.", hint="Follow the batch until it has ended.")
        fetch_file(self._transport, Wanted(batch.zip, f"/v1/batches/{batch.id}/zip"), target, on_bytes)

    def _json(self, method: str, path: str, **options: Any) -> Any:
        return self._transport.json(method, path, **options)


def _ended(event: ServerEvent) -> bool:
    refuse_problem(event)
    return decode(_Happened, event.json()).batch.final
