"""Evaluations on the hub: fixed sentences, judged; and what differs between two versions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from voicehub.decoding import decode
from voicehub.models import ObjectRef
from voicehub.names import VoiceName, parse_name
from voicehub.transport import Transport

ENDED = ("succeeded", "failed")


@dataclass(frozen=True)
class JudgedSentence:
    """A sentence as it was judged; None for what could not be measured."""

    text: str
    audio: ObjectRef | None = None
    seconds: float = 0.0
    similarity: float | None = None
    errors: int | None = None
    words: int | None = None
    heard: str = ""
    mos: float = 0.0


@dataclass(frozen=True)
class Evaluation:
    """The evaluation of a version: figures, the sentences, the judges (`tools`), and what is `missing` and why."""

    id: str
    version_id: str = ""
    state: str = "queued"
    failure: str = ""
    language: str = ""
    sentences: tuple[JudgedSentence, ...] = ()
    figures: Mapping[str, float] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)
    tools: Mapping[str, str] = field(default_factory=dict)
    create_time: datetime | None = None
    end_time: datetime | None = None

    @property
    def final(self) -> bool:
        """Whether it has ended."""
        return self.state in ENDED


@dataclass(frozen=True)
class Difference:
    """A mean difference with its 95 % interval."""

    mean: float = 0.0
    low: float = 0.0
    high: float = 0.0


@dataclass(frozen=True)
class Comparison:
    """What changes from `base` to `head`, by figure."""

    base: Evaluation
    head: Evaluation
    differences: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def of(self, figure: str) -> Difference | None:
        """The difference of a figure; None if both were not measured on it."""
        found = self.differences.get(figure)
        return decode(Difference, found) if found is not None else None


class Evaluations:
    """Evaluations on one hub: `Client().evaluations`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def ask(self, name: str | VoiceName) -> Evaluation:
        """The evaluation that there is, or a new one."""
        return decode(Evaluation, self._transport.json("POST", _path(name)))

    def get(self, name: str | VoiceName) -> Evaluation:
        """The last one; NotFound if nobody has asked for one."""
        return decode(Evaluation, self._transport.json("GET", _path(name)))

    def compare(self, base: str | VoiceName, head: str | VoiceName) -> Comparison:
        """Head minus base; both must have been evaluated."""
        params = {"base": str(parse_name(base))}
        return decode(Comparison, self._transport.json("GET", f"{_path(head)}/comparison", params=params))

    def audio(self, name: str | VoiceName, digest: str) -> bytes:
        """The WAV of a judged sentence."""
        return self._transport.request("GET", f"{_path(name)}/audio/{digest}").content


def _path(name: str | VoiceName) -> str:
    return f"{parse_name(name).version_path}/evaluation"
