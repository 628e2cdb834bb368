"""What a scan says: findings with their place, and the verdict they add up to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Severity = Literal["note", "unreadable", "suspicious", "malicious"]
Verdict = Literal["clean", "unreadable", "suspicious", "malicious"]

_ORDER: tuple[Severity, ...] = ("note", "unreadable", "suspicious", "malicious")


@dataclass(frozen=True)
class Place:
    """Where in a file: the entry (members of nested archives joined by ``!``) and the byte offset inside it."""

    entry: str
    offset: int | None = None

    def __str__(self) -> str:
        return self.entry if self.offset is None else f"{self.entry}@{self.offset}"


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong (or, as a note, worth knowing), told in English and Chinese."""

    rule: str
    place: Place
    severity: Severity
    message_en: str
    message_zh: str

    def to_dict(self) -> dict[str, object]:
        """The finding as plain JSON values."""
        return {
            "rule": self.rule,
            "place": {"entry": self.place.entry, "offset": self.place.offset},
            "severity": self.severity,
            "message_en": self.message_en,
            "message_zh": self.message_zh,
        }


class Refused(Exception):
    """A foreign file that must not be used. ``findings`` say why and where."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = tuple(findings)
        worst = max(self.findings, key=lambda found: _ORDER.index(found.severity))
        super().__init__(f"{worst.message_en} (rule {worst.rule}, at {worst.place})")


def verdict_of(findings: Iterable[Finding]) -> Verdict:
    """The worst severity decides; notes never do."""
    worst = max((_ORDER.index(found.severity) for found in findings), default=0)
    severity = _ORDER[worst]
    return "clean" if severity == "note" else severity


def deciding(findings: Iterable[Finding]) -> list[Finding]:
    """The findings that keep a file from being clean."""
    return [found for found in findings if found.severity != "note"]
