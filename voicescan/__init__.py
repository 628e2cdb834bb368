"""Static analysis and rebuilding of untrusted voice model files. No torch, no network, nothing foreign is ever run."""

from __future__ import annotations

from voicescan.checkpoint import Checkpoint, read_checkpoint
from voicescan.findings import Finding, Place, Refused

__all__ = ["Checkpoint", "Finding", "Place", "Refused", "read_checkpoint"]
