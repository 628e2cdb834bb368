"""Scanning files and folders: one report each, and one exit code for all."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from voicescan.checkpoint import open_view
from voicescan.findings import Place, Refused
from voicescan.inspection import Inspection, inspect
from voicescan.report import Report, report_on
from voicescan.rules import encodable, found

ALL_CLEAN, HOSTILE, UNREADABLE = 0, 1, 5


def scan(path: str | os.PathLike[str]) -> Report:
    """Scan one file. Whatever it holds, the answer is a report."""
    return report_on(encodable(str(path)), _inspected(Path(path)))


def scan_bytes(content: bytes, name: str) -> Report:
    """Scan bytes that came under ``name``."""
    return report_on(name, inspect(memoryview(content), name))


def _inspected(path: Path) -> Inspection:
    try:
        view = open_view(path)
    except Refused as refused:
        return Inspection("unknown", refused.findings)
    name = encodable(path.name)
    try:
        return inspect(view, name)
    except Exception as error:  # noqa: BLE001 (a file that no reader foresaw must not hide the report on another)
        return Inspection("unknown", (found("scanner-failed", Place(name), f"{type(error).__name__}: {error}"),))


def files_under(paths: Iterable[str | os.PathLike[str]]) -> Iterator[Path]:
    """The paths themselves, folders replaced by the files below them, in order.

    Links to folders are not followed.
    """
    for path in map(Path, paths):
        if not path.is_dir():
            yield path
            continue
        yield from sorted(item for item in path.rglob("*") if item.is_symlink() or not item.is_dir())


def exit_code(reports: Iterable[Report]) -> int:
    """0 all clean, 1 any malicious or suspicious, 5 any unreadable; 1 wins over 5."""
    verdicts = {report.verdict for report in reports}
    if verdicts & {"malicious", "suspicious"}:
        return HOSTILE
    return UNREADABLE if "unreadable" in verdicts else ALL_CLEAN


def cli_scan(paths: Iterable[str | os.PathLike[str]]) -> tuple[list[dict[str, object]], int]:
    """Reports as plain values and the exit code, for command lines."""
    reports = [scan(path) for path in files_under(paths)]
    return [report.to_dict() for report in reports], exit_code(reports)
