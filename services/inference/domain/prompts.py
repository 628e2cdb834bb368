"""Which of its prompts a voice speaks with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePosixPath

from gptsovits.formats.prompt_files import prompt_files
from services.common.errors import Unprocessable
from services.inference.domain.voices import Voice


def with_prompt(voice: Voice, name: str) -> Voice:
    """The voice as if the prompt of that file name, with or without its ending, were its only one.

    It has an id of its own, so that it is opened beside the voice; files that both hold are loaded once.

    Raises:
        Unprocessable: the voice has no such prompt; the hint lists those that it has.
    """
    if not name:
        return voice
    found = prompt_files([file.path for file in voice.files], voice.card.get("prompts") or ())
    for number, prompt in enumerate(found):
        path = PurePosixPath(prompt.path)
        if name in (prompt.path, path.name, path.stem):
            if number == 0:
                return voice
            entry = {"file": prompt.path, "text": prompt.text, "language": prompt.language}
            return replace(voice, version_id=f"{voice.version_id}.{number}", card={**voice.card, "prompts": [entry]})
    names = ", ".join(PurePosixPath(prompt.path).stem for prompt in found) or "none"
    raise Unprocessable(f"This voice has no prompt {name!r}.", hint=f"It has: {names}.", reason="NO_SUCH_PROMPT")


def version_of(name: str) -> str:
    """The version that an id of `with_prompt` stands for."""
    return name.partition(".")[0]
