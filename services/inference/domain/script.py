"""What is to be said, apart from how: stretches of text with words whose phones are given, and breaks between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Given:
    """A word as it was written and the phones that it is said with."""

    text: str
    phones: tuple[str, ...]


@dataclass(frozen=True)
class Stretch:
    """A text in one go. Each character of it that is a key of ``given`` stands for that word."""

    text: str
    given: Mapping[str, Given] = field(default_factory=dict)

    @property
    def characters(self) -> int:
        """Length as it was written."""
        return sum(len(self.given[char].text) if char in self.given else 1 for char in self.text)


@dataclass(frozen=True)
class Break:
    """Silence of that many ``seconds``."""

    seconds: float


Script = tuple[Stretch | Break, ...]
