"""Scanning files on this machine with `voicescan`: nothing in them is ever run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from voicehub.errors import Unreadable
from voicehub.models import Finding

if TYPE_CHECKING:
    import voicescan

UNREADABLE = "unreadable"


@dataclass(frozen=True)
class ScanResult:
    """One file: verdict clean, suspicious, malicious or unreadable, and the findings behind it."""

    path: Path
    verdict: str
    findings: tuple[Finding, ...] = ()


def scan_paths(paths: Sequence[Path]) -> list[ScanResult]:
    """Scans files, and every file below folders, in order of their names."""
    return [scan_file(file) for path in paths for file in _files(path)]


def scan_file(path: Path) -> ScanResult:
    """Scans one model file."""
    from voicescan import Refused, read_checkpoint
    from voicescan.findings import verdict_of

    if not path.exists():
        raise Unreadable(f"There is no file {path}.", hint="Check the path.")
    try:
        found = read_checkpoint(path).findings
        return ScanResult(path, "clean", _findings(found))
    except Refused as refused:
        return ScanResult(path, verdict_of(refused.findings), _findings(refused.findings))


def exit_code(results: Iterable[ScanResult]) -> int:
    """0: all clean; 1: something is suspicious or malicious; 5: something cannot be read."""
    verdicts = {result.verdict for result in results}
    if verdicts - {"clean", UNREADABLE}:
        return 1
    return Unreadable.exit_code if UNREADABLE in verdicts else 0


def _files(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from sorted(p for p in path.rglob("*") if p.is_file())
    else:
        yield path


def _findings(found: Iterable[voicescan.Finding]) -> tuple[Finding, ...]:
    return tuple(Finding(f.rule, str(f.place), f.severity, f.message_en, f.message_zh) for f in found)
