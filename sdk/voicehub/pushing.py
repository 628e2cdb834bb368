"""What a push consists of: files with their roles, the card, the declaration."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from voicehub.errors import Refused, Unreadable, UsageError
from voicehub.models import Declaration

ROLES = ("s1", "s2", "prompt", "lexicon")
BY_SUFFIX = {".ckpt": "s1", ".pth": "s2"}
CARD_BYTES = 1 << 20
HEADER_BYTES = 64 << 20


@dataclass(frozen=True)
class Part:
    """One file of a version and what it is: s1, s2, prompt or lexicon."""

    role: str
    path: Path


def parse_part(text: str) -> Part:
    """A file named on the command line: `PATH` (role by its ending) or `ROLE=PATH`."""
    role, separator, rest = text.partition("=")
    if separator and role in ROLES:
        if not rest:
            raise UsageError(f"{text} names no file.", hint=f"Write {role}=PATH.")
        return Part(role, Path(rest))
    path = Path(text)
    if path.name in ("lexicon.yaml", "lexicon.yml"):
        return Part("lexicon", path)
    known = BY_SUFFIX.get(path.suffix.lower())
    if known is None:
        raise UsageError(f"What is {path.name}? Its ending does not say.", hint=f"Write s1={path} or s2={path}.")
    return Part(known, path)


def require_settings(part: Part) -> None:
    """Refuses a safetensors model without its settings, before anything is sent: no network is built without them.

    Raises:
        Refused: the header names no `config`. What is no such header is left to the scan.
    """
    if part.role not in ("s1", "s2") or part.path.suffix.lower() != ".safetensors":
        return
    try:
        with part.path.open("rb") as file:
            header = json.loads(file.read(min(int.from_bytes(file.read(8), "little"), HEADER_BYTES)))
    except (OSError, ValueError, RecursionError):
        return
    metadata = header.get("__metadata__") if isinstance(header, dict) else None
    if not (isinstance(metadata, dict) and metadata.get("config")):
        raise Refused(
            f"{part.path.name} holds weights without the settings (`config`) of their model.",
            hint="Push the .ckpt and the .pth of the voice (voicehub pull --format original writes them), "
            "or write its config as JSON into the metadata of the file.",
        )


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML file that holds a mapping; Unreadable otherwise."""
    try:
        if path.exists() and not path.is_file():
            raise Unreadable(f"{path} is no file.", hint="Name a YAML file.")
        if path.stat().st_size > CARD_BYTES:
            raise Unreadable(f"{path} is larger than a card can be (1 MiB).", hint="Is it the right file?")
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise Unreadable(f"{path} cannot be read as YAML: {reason}.", hint="Check the file.") from error
    if not isinstance(data, dict):
        raise Unreadable(f"{path} holds no card.", hint="A card is a mapping such as `languages: [en]`.")
    return data


def declaration_of(card: Mapping[str, Any], source: str, license: str, consent: str) -> Declaration:  # noqa: A002
    """The declaration from flags, else from the card.

    Raises:
        Refused: a part of it is absent: nothing is stored without.
    """
    values = {
        "source": source or str(card.get("source", "")),
        "license": license or str(card.get("license", "")),
        "consent": consent or str(card.get("consent", "")),
    }
    absent = [name for name, value in values.items() if not value]
    if absent:
        flags = " ".join(f"--{name} …" for name in absent)
        raise Refused(
            f"A voice needs a declaration of {', '.join(absent)}.", hint=f"Give {flags}, or put it into the card."
        )
    return Declaration(**values)


def card_with(
    card: Mapping[str, Any],
    declaration: Declaration,
    prompts: Sequence[Mapping[str, str]],
    languages: Sequence[str],
    tags: Sequence[str],
) -> dict[str, Any]:
    """The card with what the flags say added."""
    full = {**card, **vars(declaration)}
    if languages:
        full["languages"] = list(languages)
    if tags:
        full["tags"] = [*dict.fromkeys([*card.get("tags", []), *tags])]
    if prompts:
        full["prompts"] = [dict(p) for p in prompts]
    return full


def prompt_entry(path: Path, text: str, language: str) -> dict[str, str]:
    """The card's entry for a prompt file; a wave needs its text and language."""
    spoken = {"text": text, "language": language}
    if path.suffix.lower() != ".safetensors" and not all(spoken.values()):
        hint = "Give --prompt-text and --prompt-language, or list it under `prompts` in the card."
        raise UsageError(f"What is said in {path.name}, and in which language?", hint=hint)
    return {"file": path.name, **{k: v for k, v in spoken.items() if v}}
