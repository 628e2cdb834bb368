"""How a voice is named: `owner/name`, with `@ref` for another version than `main`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from voicehub.errors import UsageError

_PART = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class VoiceName:
    """A voice by owner, name and, if not `main`, ref."""

    owner: str
    name: str
    ref: str = ""

    @property
    def path(self) -> str:
        """Its path below the public API."""
        return f"/v1/repos/{self.owner}/{self.name}"

    @property
    def version_path(self) -> str:
        """The path of the version meant."""
        return f"{self.path}/versions/{self.ref or 'main'}"

    def __str__(self) -> str:
        return f"{self.owner}/{self.name}" + (f"@{self.ref}" if self.ref else "")


def is_plain(part: str) -> bool:
    """Whether it is one part of a name: nothing that could lead out of a folder."""
    return _PART.fullmatch(part) is not None


def parse_name(text: str | VoiceName) -> VoiceName:
    """`owner/name` or `owner/name@ref`; UsageError for anything else."""
    if isinstance(text, VoiceName):
        return text
    whole, _, ref = text.partition("@")
    owner, _, name = whole.partition("/")
    parts = [owner, name, *([ref] if "@" in text else [])]
    if not all(is_plain(part) for part in parts):
        raise UsageError(f"“{text}” does not name a voice.", hint="Write owner/name, or owner/name@version.")
    return VoiceName(owner, name, ref)
