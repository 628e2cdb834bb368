"""Static analysis and rebuilding of untrusted voice model files. No torch, no network, nothing foreign is ever run."""

from __future__ import annotations

from voicescan.checkpoint import Checkpoint, read_checkpoint
from voicescan.findings import Finding, Place, Refused, Verdict
from voicescan.rebuild import Rebuilt, TensorEntry, rebuild
from voicescan.report import Report
from voicescan.scanner import cli_scan, scan, scan_bytes

__all__ = [
    "Checkpoint",
    "Finding",
    "Place",
    "Rebuilt",
    "Refused",
    "Report",
    "TensorEntry",
    "Verdict",
    "cli_scan",
    "read_checkpoint",
    "rebuild",
    "scan",
    "scan_bytes",
]
