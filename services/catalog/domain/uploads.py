"""The files of a push: which roles a version needs, and which of them it may have more than once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from services.catalog.domain.names import filename_problem
from services.common.errors import Unprocessable

ROLES = ("s1", "s2", "prompt", "lexicon")
AT_MOST_ONE = ("s1", "s2", "lexicon")
MAX_FILES = 64


@dataclass(frozen=True)
class Upload:
    """A file as it lies in quarantine. `size` in bytes, 0 when the caller did not say."""

    role: str
    filename: str
    digest: str
    size: int


def check_uploads(uploads: Sequence[Upload]) -> None:
    """Unprocessable, field by field, unless both stages are there once and every file is named decently."""
    fields: dict[str, str] = {}
    for index, upload in enumerate(uploads[: MAX_FILES + 1]):
        if upload.role not in ROLES:
            fields[f"files[{index}].role"] = f"must be one of: {', '.join(ROLES)}"
        if problem := filename_problem(upload.filename):
            fields[f"files[{index}].filename"] = problem
    fields.update(_count_problems(uploads))
    if fields:
        raise Unprocessable(
            "The files of this push do not make a voice.",
            hint="Push one stage-1 file (.ckpt) and one stage-2 file (.pth); to be heard, a voice needs a prompt too.",
            reason="FILES_REFUSED",
            fields=fields,
        )


def _count_problems(uploads: Sequence[Upload]) -> dict[str, str]:
    if len(uploads) > MAX_FILES:
        return {"files": f"at most {MAX_FILES} files belong to one version"}
    roles = Counter(upload.role for upload in uploads)
    found = {f"files.{role}": "may be there only once" for role in AT_MOST_ONE if roles[role] > 1}
    found.update(
        {f"files.{role}": f"the stage-{role[1]} weights are missing" for role in ("s1", "s2") if not roles[role]}
    )
    names = Counter((upload.role, upload.filename) for upload in uploads)
    found.update({f"files.{role}": f"{name!r} is there twice" for (role, name), count in names.items() if count > 1})
    return found
