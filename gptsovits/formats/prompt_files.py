"""The prompts that come with a voice, as paths: which there are, and which one is meant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

AUDIO = (".flac", ".wav")
FEATURES = ".safetensors"


@dataclass(frozen=True)
class PromptFile:
    """A recording with what is said in it and in which language, or a feature file or private prompt (no text)."""

    path: str
    text: str = ""
    language: str = ""

    @property
    def is_audio(self) -> bool:
        """A recording; otherwise a feature file or a private prompt."""
        return PurePosixPath(self.path).suffix in AUDIO

    @property
    def needs_encoder(self) -> bool:
        """A recording with words is turned into tokens by the content encoder of a base."""
        return self.is_audio and bool(self.text)


def prompt_files(paths: Iterable[str], entries: Sequence[Mapping[str, Any]]) -> list[PromptFile]:
    """Those of `paths` that the card's `prompts` name, in its order; where it names none, all that may be prompts.

    A scan may have encoded a recording anew: a name counts without its ending.
    """
    candidates = [path for path in paths if PurePosixPath(path).suffix in (*AUDIO, FEATURES)]
    listed = (_listed(entry, candidates) for entry in entries)
    return [prompt for prompt in listed if prompt] or [PromptFile(path) for path in candidates]


def _listed(entry: Mapping[str, Any], candidates: Sequence[str]) -> PromptFile | None:
    wanted = PurePosixPath(str(entry.get("file", "")))
    for path in candidates:
        if path == str(wanted) or PurePosixPath(path).stem == wanted.stem:
            return PromptFile(path, str(entry.get("text", "")), str(entry.get("language", "")))
    return None
