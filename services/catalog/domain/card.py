"""The card of a voice: validation against its JSON schema (draft 2020-12) with one sentence per field."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from services.catalog.domain.declaration import Declaration
from services.common.errors import Unprocessable

SCHEMA = Path(__file__).with_name("card.schema.json")
MAX_PROBLEMS = 20
Card = dict[str, Any]
_SENTENCES = {
    "type": "must be of type {limit}",
    "enum": "must be one of: {limit}",
    "maxLength": "must have at most {limit} characters",
    "minLength": "must have at least {limit} characters",
    "maxItems": "must have at most {limit} entries",
    "minItems": "must have at least {limit} entries",
    "maxProperties": "must have at most {limit} entries",
    "uniqueItems": "must not repeat an entry",
    "pattern": "must be a BCP 47 language tag such as en, zh or yue",
}


@cache
def schema() -> dict[str, Any]:
    """The JSON schema of a card."""
    loaded: dict[str, Any] = json.loads(SCHEMA.read_text(encoding="utf-8"))
    return loaded


@cache
def _validator() -> Draft202012Validator:
    return Draft202012Validator(schema())


def problems(card: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with a card, by field path (`card.languages[0]`); empty when nothing is."""
    found: dict[str, str] = {}
    for error in _validator().iter_errors(dict(card)):
        found.update(_entries(error))
        if len(found) >= MAX_PROBLEMS:
            break
    return found


def check_card(card: Mapping[str, Any], declaration: Declaration, prompts: Iterable[str]) -> Card:
    """The card as it is stored; Unprocessable, field by field, when it breaks the schema.

    Args:
        card: as pushed.
        declaration: its source, licence and consent replace the card's, for they are what was affirmed.
        prompts: names of the uploaded prompt files; each prompt of the card must be one of them.
    """
    found = problems(card) or _unknown_prompts(card, prompts)
    if found:
        raise Unprocessable(
            "The card of the voice is not valid.",
            hint="Correct the named fields in the card and push again: voicehub push --card voice.yaml, "
            "or --language, --tag, --prompt-text and --prompt-language.",
            reason="CARD_REFUSED",
            fields=found,
        )
    affirmed = {"source": declaration.source, "license": declaration.license, "consent": declaration.consent.value}
    return {**card, **affirmed}


def _unknown_prompts(card: Mapping[str, Any], prompts: Iterable[str]) -> dict[str, str]:
    uploaded = {PurePosixPath(name).name for name in prompts}
    return {
        f"card.prompts[{index}].file": f"{prompt['file']!r} was not uploaded as a prompt"
        for index, prompt in enumerate(card.get("prompts", ()))
        if PurePosixPath(prompt["file"]).name not in uploaded
    }


def _entries(error: ValidationError) -> list[tuple[str, str]]:
    """Field path and sentence of an error; a missing key is a field of its own."""
    path = "card" + "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in error.absolute_path)
    rule, limit, instance = str(error.validator), _limit(error), _instance(error)
    if rule == "required":
        return [(f"{path}.{name}", "is missing") for name in limit if name not in instance]
    if rule == "additionalProperties":
        return [(path, _unknown_key(error))]
    shown = ", ".join(map(str, limit)) if isinstance(limit, list) else str(limit)
    return [(path, _SENTENCES.get(rule, "is not valid").format(limit=shown))]


def _limit(error: ValidationError) -> Any:
    return error.validator_value


def _instance(error: ValidationError) -> Any:
    return error.instance


def _unknown_key(error: ValidationError) -> str:
    known = list(error.schema.get("properties", ())) if isinstance(error.schema, Mapping) else []
    unknown = sorted(str(key) for key in _instance(error) if key not in known and not str(key).startswith("x-"))
    near = difflib.get_close_matches(unknown[0], known, n=1) if unknown else []
    advice = f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(known)}"
    return f"has unknown keys ({', '.join(name[:40] for name in unknown[:5])}){advice}"
