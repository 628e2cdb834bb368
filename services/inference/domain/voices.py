"""A voice as inference keeps it, and the prompt it speaks with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gptsovits.formats.prompt_files import PromptFile, prompt_files
from services.common.languages import engine_language

_ENGINE_LANGUAGES = frozenset({"zh", "yue", "en", "ja", "ko"})


@dataclass(frozen=True)
class StoredFile:
    """A file of a version in the served area; `size` in bytes."""

    path: str
    digest: str
    size: int


@dataclass(frozen=True)
class Voice:
    """An exported version, or one of which is known why it cannot speak (`not_auditionable`)."""

    version_id: str
    family: str
    bundle: tuple[StoredFile, ...]
    files: tuple[StoredFile, ...]
    requires: Mapping[str, str]
    card: Mapping[str, Any]
    not_auditionable: str = ""

    @property
    def languages(self) -> list[str]:
        """The card's languages as the engine names them, those that it knows."""
        named = (engine_language(str(tag)) for tag in self.card.get("languages") or ())
        return list(dict.fromkeys(code for code in named if code in _ENGINE_LANGUAGES))


def choose_prompt(files: Sequence[StoredFile], card: Mapping[str, Any]) -> PromptFile | None:
    """The first prompt of the card whose file is there, else the first prompt file."""
    found = prompt_files([file.path for file in files], card.get("prompts") or ())
    return found[0] if found else None


def prompt_object(files: Sequence[StoredFile], prompt: PromptFile) -> StoredFile:
    """The stored file of a prompt chosen from `files`."""
    return next(file for file in files if file.path == prompt.path)


def lexicon_file(files: Sequence[StoredFile]) -> StoredFile | None:
    """The version's own pronunciations, if it has any."""
    return next((f for f in files if f.path.startswith("lexicon/")), None)
