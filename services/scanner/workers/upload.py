"""Inside: one uploaded file under scan, and the way its worker tells about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from services.scanner.sandbox.channel import Channel
from voicescan.findings import Finding, Refused, verdict_of

_SEVERITIES = {"note": "info", "unreadable": "warning", "suspicious": "warning", "malicious": "critical"}


class Upload:
    """Sends verdicts and rebuilt content on the channel."""

    def __init__(self, path: Path, filename: str, channel: Channel) -> None:
        self.path, self.filename, self.channel = path, filename, channel

    def verdict(self, verdict: str, findings: tuple[Finding, ...] = (), **more: Any) -> None:
        """Sends a verdict with its findings and what more is known."""
        told = [self._told(finding) for finding in findings]
        self.channel.send({"kind": "verdict", "verdict": verdict, "findings": told, **more})

    def refuse(self, rule: str, english: str, chinese: str, more: tuple[Finding, ...] = ()) -> None:
        """Sends the verdict `unreadable` for one reason of ours, and what else was found."""
        finding = {
            "rule": rule,
            "place": self.filename,
            "severity": "warning",
            "message_en": english,
            "message_zh": chinese,
        }
        self.channel.send({"kind": "verdict", "verdict": "unreadable", "findings": [finding, *map(self._told, more)]})

    def _told(self, finding: Finding) -> dict[str, str]:
        return {
            "rule": finding.rule,
            "place": f"{self.filename}: {finding.place}",
            "severity": _SEVERITIES[finding.severity],
            "message_en": finding.message_en,
            "message_zh": finding.message_zh,
        }

    def file(self, folder: str, ending: str, content: bytes, stripped: Sequence[str] = ()) -> None:
        """Sends the verdict `clean`, what was left out, and a rebuilt file named like the upload."""
        self.verdict("clean", stripped=list(stripped))
        stem = "".join(c if c.isalnum() or c in "-_" else "-" for c in Path(self.filename).stem)[:64] or "file"
        self.channel.send({"kind": "file", "path": f"{folder}/{stem}{ending}"}, [content])


def scan_one(argument: Mapping[str, Any], channel: Channel, rebuild: Callable[[Upload], None]) -> None:
    """Runs `rebuild`; what voicescan refuses becomes the verdict."""
    upload = Upload(Path(argument["path"]), argument["filename"], channel)
    try:
        rebuild(upload)
    except Refused as refused:
        upload.verdict(verdict_of(refused.findings), refused.findings)
