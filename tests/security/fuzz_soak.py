"""A long fuzzing run in resumable legs: ``python -m tests.security.fuzz_soak MINUTES [REPORT]``.

Every reader gets an equal share of the leg (at most 45 minutes). What was found interesting is kept in the cache
folder, so the next leg goes on from there; the report adds up all legs on the same readers (the last commit that
changed them).
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
KEPT = Path(os.environ.get("VOICEHUB_CACHE", Path.home() / ".cache" / "voicehub")) / "fuzz"
REPORT = ROOT / "docs" / "reports" / "fuzzing.md"
READERS = ("pickle", "zip", "safetensors", "onnx", "legacy", "numpy", "documents", "anything")
_LONGEST_LEG = 45.0


def main(minutes: float, report: Path) -> int:
    """Runs one leg and writes the report. 0 if no reader broke a bound."""
    commit = _commit()
    ledger = KEPT / f"{commit}.json"
    legs = json.loads(ledger.read_text()) if ledger.exists() else []
    seconds = int(60 * min(minutes, _LONGEST_LEG) / len(READERS))
    began = datetime.now(UTC)
    load = round(os.getloadavg()[0], 1)
    readers = {reader: _fuzz(reader, seconds) for reader in READERS}
    legs.append({"began": began.isoformat(timespec="seconds"), "load": load, "readers": readers})
    KEPT.mkdir(parents=True, exist_ok=True)
    ledger.write_text(json.dumps(legs))
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text(_told(commit, legs))
    return 1 if any(one["failed"] for one in readers.values()) else 0


def _commit() -> str:
    command = ["git", "log", "-1", "--format=%h", "--abbrev=12", "--", "voicescan", "tests/security/fuzz.py"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def _fuzz(reader: str, seconds: int) -> dict[str, object]:
    folder = KEPT / reader
    folder.mkdir(parents=True, exist_ok=True)
    fuzzer = [sys.executable, "-m", "tests.security.fuzz", reader, str(seconds), str(folder)]
    start = time.monotonic()
    run = subprocess.run(["sh", "-c", '"$@"; exit $?', "sh", *fuzzer], cwd=ROOT, capture_output=True, text=True)
    executed = re.search(r"number_of_executed_units:\s*(\d+)", run.stderr)
    peak = re.search(r"peak_rss_mb:\s*(\d+)", run.stderr)
    if run.returncode:
        print(run.stderr[-3000:], file=sys.stderr)
    return {
        "seconds": round(time.monotonic() - start),
        "inputs": int(executed[1]) if executed else 0,
        "peak_mb": int(peak[1]) if peak else 0,
        "failed": run.returncode != 0,
    }


def _told(commit: str, legs: list[dict[str, Any]]) -> str:
    rows: dict[str, list[dict[str, int]]] = {reader: [leg["readers"][reader] for leg in legs] for reader in READERS}
    total = sum(one["seconds"] for found in rows.values() for one in found)
    lines = [
        "# Fuzzing of the readers",
        "",
        f"Commit {commit}. {len(legs)} leg(s), {total / 60:.1f} minutes in all, on {os.cpu_count()} cores.",
        *(f"Leg of {leg['began']}, load average at its start {leg['load']}." for leg in legs),
        "",
        "Bounds: no exception but a refusal; at most 2 CPU seconds an input (all are at most 64 KiB); at most four",
        "times the input and a fixed 24 MB allocated (measured on one input of 64); 512 MB for the process.",
        "",
        "| reader | seconds | inputs | peak MB of the process | broken bounds |",
        "|---|---:|---:|---:|---:|",
    ]
    for reader, found in rows.items():
        seconds, inputs = sum(one["seconds"] for one in found), sum(one["inputs"] for one in found)
        peak, failed = max(one["peak_mb"] for one in found), sum(bool(one["failed"]) for one in found)
        lines.append(f"| {reader} | {seconds} | {inputs} | {peak} | {failed} |")
    return "\n".join([*lines, "", "`make soak` runs the next leg; an hour is four legs of 15 minutes.", ""])


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else REPORT))
