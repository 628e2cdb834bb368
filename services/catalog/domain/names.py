"""How owners, repositories and uploaded files may be called."""

from __future__ import annotations

import re
import unicodedata

from services.common.errors import Invalid

_OWNER = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?")
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")
_VERSION_ID = re.compile(r"[0-9a-f]{32}")
MAX_FILENAME = 255


def check_repository(owner: str, name: str) -> None:
    """Raises Invalid, field by field, if owner or name could not be one."""
    fields = {}
    if not _OWNER.fullmatch(owner):
        fields["owner"] = "1 to 64 letters, digits, '.', '_' or '-'; letter or digit at both ends"
    if not _NAME.fullmatch(name) or ".." in name:
        fields["name"] = "1 to 64 lower-case letters, digits, '.', '_' or '-'; letter or digit at both ends"
    if fields:
        raise Invalid(
            "The name of the repository is not allowed.",
            hint="Use a name such as my-voice: lower-case Latin letters, digits, '.', '_' and '-'.",
            reason="BAD_NAME",
            fields=fields,
        )


def is_version_id(ref: str) -> bool:
    """Whether a ref has the form of a version id (32 hex digits)."""
    return bool(_VERSION_ID.fullmatch(ref))


def filename_problem(filename: str) -> str:
    """Why an uploaded file may not be called so; empty when it may. Folders with `/` are fine, leaving them is not."""
    if not filename or len(filename.encode()) > MAX_FILENAME:
        return f"a name of 1 to {MAX_FILENAME} bytes is needed"
    if any(unicodedata.category(character).startswith("C") for character in filename) or "\\" in filename:
        return "control characters and backslashes are not allowed"
    if any(part in ("", ".", "..") for part in filename.split("/")):
        return "a relative path without '.' and '..' is needed"
    return ""
