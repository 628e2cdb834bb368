"""What can go wrong, typed; every error says what to do next and knows the exit code of the command line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar


class VoiceHubError(Exception):
    """Base of all errors of this package: one sentence that says what is wrong, one that says what to do.

    Attributes:
        message: what is wrong.
        hint: what to do about it; may be empty when the message already says so.
        fields: what is wrong with single fields of a request, by path.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "", fields: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.fields = dict(fields or {})


class NotFound(VoiceHubError):
    """It does not exist, or not for you."""


class Quarantined(VoiceHubError):
    """The scan refused a version; `findings` of the version say where and why."""


class NotAuditionable(VoiceHubError):
    """The voice is stored but cannot speak here; the hint says how to mend it."""


class TrainingFailed(VoiceHubError):
    """A training job ended without a voice."""


class UsageError(VoiceHubError):
    """The call itself is wrong: an unknown role, a name without its owner."""

    exit_code = 2


class Missing(VoiceHubError):
    """Something is not installed or not registered on this machine; the hint says how to get it."""

    exit_code = 2


class Unreachable(VoiceHubError):
    """The hub does not answer."""

    exit_code = 3


class Refused(VoiceHubError):
    """The hub understood and refuses: a missing declaration, a recording too short, a quota."""

    exit_code = 4


class NotLoggedIn(Refused):
    """The call needs an account."""


class Conflict(Refused):
    """It exists already, or somebody else was faster."""


class Unreadable(VoiceHubError):
    """A file or an answer could not be read as what it should be."""

    exit_code = 5


class DigestMismatch(Unreadable):
    """Bytes arrived that are not the ones the manifest names."""


def from_problem(status: int, problem: Mapping[str, object]) -> VoiceHubError:
    """The error of an RFC 9457 problem document with HTTP status `status`."""
    message = str(problem.get("detail") or problem.get("title") or f"The hub answered {status}.")
    fields = problem.get("fields")
    return _kind(status)(
        message, hint=str(problem.get("hint", "")), fields=fields if isinstance(fields, Mapping) else None
    )


def _kind(status: int) -> type[VoiceHubError]:
    by_status: dict[int, type[VoiceHubError]] = {401: NotLoggedIn, 404: NotFound, 409: Conflict}
    return by_status.get(status, Unreachable if status >= 500 else Refused)
