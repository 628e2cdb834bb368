"""The scan report of a version, and the exact bytes that its signature covers."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from services.scanner.domain.findings import Finding
from voicescan.rules import RULES_VERSION

__all__ = ["RULES_VERSION", "Report", "canonical", "is_genuine", "sign"]


@dataclass(frozen=True)
class Report:
    """What was found in a version.

    Attributes:
        verdict: `clean`, `suspicious`, `malicious` or `unreadable`.
        stripped: what the rebuild left out.
        second_opinions: by tool; shown, never decisive.
        behaviour: what the behaviour test saw; empty before it ran.
        signature: base64 of Ed25519 over `canonical(report)`.
    """

    version_id: str
    verdict: str
    findings: tuple[Finding, ...]
    stripped: tuple[str, ...]
    create_time: datetime
    second_opinions: dict[str, str] = field(default_factory=dict)
    behaviour: dict[str, Any] = field(default_factory=dict)
    rules_version: str = RULES_VERSION
    signature: str = ""


def canonical(report: Report) -> bytes:
    """The report without its signature as canonical JSON (RFC 8785 for the strings, lists and integers used here)."""
    content = {
        "version_id": report.version_id,
        "verdict": report.verdict,
        "findings": [finding.as_json() for finding in report.findings],
        "stripped": list(report.stripped),
        "create_time": report.create_time.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "second_opinions": report.second_opinions,
        "behaviour": report.behaviour,
        "rules_version": report.rules_version,
    }
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def sign(report: Report, key: Ed25519PrivateKey) -> Report:
    """The report with a fresh signature."""
    return replace(report, signature=base64.b64encode(key.sign(canonical(report))).decode())


def is_genuine(report: Report, key: Ed25519PublicKey) -> bool:
    """Whether the signature is of exactly this report."""
    try:
        key.verify(base64.b64decode(report.signature, validate=True), canonical(report))
    except (InvalidSignature, ValueError):
        return False
    return True
