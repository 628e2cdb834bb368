"""What can keep a hub from starting."""

from __future__ import annotations


class CannotStart(Exception):
    """A sentence that says what is wrong; `hint` says what to do."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class AlreadyRunning(CannotStart):
    """The data folder is in use by a running hub."""
