"""One file of the corpus, and the name of its family."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

Expected = Literal["malicious", "refused"]


@dataclass(frozen=True)
class Case:
    """A file to scan. ``malicious``: the verdict must say so; ``refused``: any verdict but clean."""

    family: str
    name: str
    filename: str
    content: bytes
    expected: Expected = "refused"


Generator = Callable[["Payload"], Iterable[Case]]


@dataclass(frozen=True)
class Payload:
    """What a hostile file would do: create ``marker`` by a shell command."""

    marker: str

    @property
    def command(self) -> str:
        """The shell command."""
        return f"touch {self.marker}"

    @property
    def python(self) -> str:
        """The same as Python source."""
        return f"open({self.marker!r}, 'w').close()"
