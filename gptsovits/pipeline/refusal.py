"""Why a recording is refused, in words its maker understands."""

from __future__ import annotations


class RecordingRefused(Exception):
    """The recording cannot become a voice.

    Args:
        reason: machine-readable name, such as `too-short`.
        message: what is wrong, one sentence.
        hint: what to do, one sentence.
    """

    def __init__(self, reason: str, message: str, hint: str) -> None:
        super().__init__(f"{message} {hint}")
        self.reason, self.message, self.hint = reason, message, hint
