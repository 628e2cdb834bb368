"""The prompts of a pulled voice: which one is meant."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from voicehub.errors import NotAuditionable
from voicehub.models import Version

if TYPE_CHECKING:
    from gptsovits.formats.prompt_files import PromptFile


def choose(version: Version, wanted: str = "") -> PromptFile:
    """The prompt named `wanted`, else the first of the card, else the first there is.

    Raises:
        NotAuditionable: the voice has no such prompt.
    """
    from gptsovits.formats.prompt_files import prompt_files

    found = prompt_files([file.path for file in version.files], version.card.get("prompts") or ())
    for prompt in found:
        path = PurePosixPath(prompt.path)
        if wanted in ("", path.name, path.stem):
            return prompt
    names = ", ".join(PurePosixPath(prompt.path).name for prompt in found)
    message = f"The voice has no prompt {wanted!r}." if wanted else "The voice has no prompt and cannot speak."
    raise NotAuditionable(message, hint=f"It has: {names}." if names else "Its owner can push a version with one.")
