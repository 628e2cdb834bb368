"""The audit log as a chain: each entry carries a digest over itself and the entry before, so that a gap shows."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from blake3 import blake3

GENESIS = "0" * 64


@dataclass(frozen=True)
class AuditEntry:
    """Who did what to what, when.

    `account` is empty for a visitor, and with `target` for who was erased before this could be told.
    """

    account: str
    action: str
    target: str
    time: datetime


def link(previous: str, entry: AuditEntry) -> str:
    """The digest that binds `entry` to the digest of the entry before it."""
    text = json.dumps([previous, entry.account, entry.action, entry.target, entry.time.isoformat()], ensure_ascii=False)
    return blake3(text.encode()).hexdigest()
