"""What stands against a merge, said so that its reader knows what to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from gptsovits.errors import VoiceError

Kind = Literal["missing", "shape", "type", "config", "requires", "frozen", "integer", "value", "lexicon", "unrelated"]


@dataclass(frozen=True)
class Conflict:
    """`place` is a tensor, a key of the configuration or a word of the lexicon."""

    kind: Kind
    place: str
    message_en: str
    message_zh: str


class NotMergeable(VoiceError):
    """The voices cannot be merged so; `conflicts` says all that stands against it."""

    def __init__(self, conflicts: Sequence[Conflict]) -> None:
        self.conflicts = tuple(conflicts)
        more = f" ({len(conflicts) - 1} more)" if len(conflicts) > 1 else ""
        super().__init__(f"{conflicts[0].message_en}{more}" if conflicts else "The voices cannot be merged.")
