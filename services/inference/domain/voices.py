"""A voice as inference keeps it, and the prompt it speaks with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

AUDIO = (".flac", ".wav")
FEATURES = ".safetensors"
_ENGINE_LANGUAGES = {"zh": "zh", "cmn": "zh", "yue": "yue", "en": "en", "ja": "ja", "ko": "ko"}


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
        primary = (str(tag).replace("_", "-").split("-")[0].lower() for tag in self.card.get("languages") or ())
        return list(dict.fromkeys(_ENGINE_LANGUAGES[tag] for tag in primary if tag in _ENGINE_LANGUAGES))


@dataclass(frozen=True)
class PromptChoice:
    """A prompt file and, for audio, what is said in it and in which language."""

    file: StoredFile
    text: str = ""
    language: str = ""

    @property
    def is_audio(self) -> bool:
        """A recording; otherwise a feature file or a private prompt."""
        return PurePosixPath(self.file.path).suffix in AUDIO

    @property
    def needs_encoder(self) -> bool:
        """A recording with words is turned into tokens by the content encoder of a base."""
        return self.is_audio and bool(self.text)


def choose_prompt(files: Sequence[StoredFile], card: Mapping[str, Any]) -> PromptChoice | None:
    """The first prompt of the card whose file is there, else the first prompt file."""
    candidates = [f for f in files if PurePosixPath(f.path).suffix in (*AUDIO, FEATURES)]
    for entry in card.get("prompts") or ():
        wanted = PurePosixPath(str(entry.get("file", "")))
        for file in candidates:
            if file.path == str(wanted) or PurePosixPath(file.path).stem == wanted.stem:
                return PromptChoice(file, str(entry.get("text", "")), str(entry.get("language", "")))
    return PromptChoice(candidates[0]) if candidates else None


def lexicon_file(files: Sequence[StoredFile]) -> StoredFile | None:
    """The version's own pronunciations, if it has any."""
    return next((f for f in files if f.path.startswith("lexicon/")), None)
