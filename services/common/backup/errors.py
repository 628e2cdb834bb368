"""What can keep a backup or a restore from being done."""

from __future__ import annotations


class BackupError(Exception):
    """A sentence that says what is wrong; `hint` says what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint
