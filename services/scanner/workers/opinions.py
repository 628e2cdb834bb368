"""Inside: what picklescan or modelscan says of a file."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from services.scanner.sandbox.channel import Channel

try:
    from picklescan import scanner as picklescan
except ImportError:  # an optional tool
    picklescan = None
try:
    from modelscan.modelscan import ModelScan
except ImportError:  # an optional tool
    ModelScan = None


def main(argument: Mapping[str, Any], channel: Channel) -> None:
    """Sends one line a file."""
    logging.disable(logging.CRITICAL)
    ask = {"picklescan": _picklescan, "modelscan": _modelscan}[argument["tool"]]
    for file in argument["files"]:
        channel.send({"kind": "opinion", "text": f"{file['filename']}: {ask(file['path'])}"})


def _picklescan(path: str) -> str:
    result = picklescan.scan_file_path(path)
    if result.scan_err:
        return "could not read it"
    found = sorted({f"{g.module}.{g.name}" for g in result.globals if g.safety.name == "Dangerous"})
    return f"{result.issues_count} issues ({', '.join(found)})" if found else "no issue"


def _modelscan(path: str) -> str:
    result = ModelScan().scan(path)
    summary = result.get("summary", {})
    skipped = int(summary.get("skipped", {}).get("total_skipped", 0))
    errors = len(result.get("errors", ()))
    issues = int(summary.get("total_issues", 0))
    if issues:
        return f"{issues} issues"
    return "skipped" if skipped else f"{errors} errors" if errors else "no issue"
