"""Findings as the hub tells them, and the verdict they add up to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

VERDICTS = ("clean", "unreadable", "suspicious", "malicious")
"""From harmless to worst; the worst of its files is a version's verdict."""
INFO, WARNING, CRITICAL = "info", "warning", "critical"
_LONGEST = 2000


@dataclass(frozen=True)
class Finding:
    """One thing a scan found.

    Attributes:
        rule: identifier of the rule.
        place: file, entry and offset.
        severity: `info`, `warning` or `critical`.
        message_en, message_zh: in words that a creator understands.
    """

    rule: str
    place: str
    severity: str
    message_en: str
    message_zh: str

    def as_json(self) -> dict[str, str]:
        """Plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Finding:
        """Reads what a worker or the database says; missing keys become empty, long ones are cut."""
        texts = {name: str(values.get(name, ""))[:_LONGEST] for name in cls.__dataclass_fields__}
        severity = texts["severity"] if texts["severity"] in (INFO, WARNING, CRITICAL) else WARNING
        return cls(**{**texts, "severity": severity})


def worst(verdicts: Iterable[str]) -> str:
    """The worst verdict; `clean` for none, `unreadable` for a word that is no verdict."""
    known = [v if v in VERDICTS else "unreadable" for v in verdicts]
    return max(known, key=VERDICTS.index, default="clean")
