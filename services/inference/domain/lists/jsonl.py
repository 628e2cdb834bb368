"""JSON lines: `{"text": …, "id": …, "language": …, "voice": …, "seed": …}`, only the text is needed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from services.inference.domain.lists.line import Line, ListRefused, checked, decoded

HINT = 'Write one JSON object a line, such as {"id": "intro", "text": "Hello."}.'
LARGEST_SEED = 2**31 - 1
_WORDS = ("language", "voice")


def parse(content: bytes) -> list[Line]:
    """The lines; ListRefused says where and what."""
    return checked(_lines(decoded(content)))


def _lines(text: str) -> Iterator[tuple[str, Line]]:
    for number, raw in enumerate(text.split("\n"), start=1):  # not splitlines: a text may hold U+2028
        if raw.strip():
            place = f"line {number}"
            yield place, _line(place, number, _object(place, raw))


def _object(place: str, raw: str) -> dict[str, Any]:
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise ListRefused(place, "this is no JSON.", HINT) from error
    if not isinstance(value, dict):
        raise ListRefused(place, "this is no JSON object.", HINT)
    return value


def _line(place: str, number: int, value: dict[str, Any]) -> Line:
    language, voice = ("" if value.get(name) is None else _text(place, value, name) for name in _WORDS)
    if "text" not in value:
        raise ListRefused(place, "there is no text.", HINT)
    name = str(number) if value.get("id") is None else value["id"]
    if isinstance(name, int) and not isinstance(name, bool):
        name = str(name) if abs(name) < 10**18 else ""
    return Line(_text(place, {"id": name}, "id"), _text(place, value, "text"), language, voice, _seed(place, value))


def _text(place: str, value: dict[str, Any], name: str) -> str:
    found = value[name]
    if not isinstance(found, str):
        raise ListRefused(place, f"{name} is no text.", HINT)
    if any(char == "\x00" or "\ud800" <= char <= "\udfff" for char in found):
        raise ListRefused(place, f"{name} holds NUL or half a surrogate pair.", "Take it out.")
    return found


def _seed(place: str, value: dict[str, Any]) -> int | None:
    seed = value.get("seed")
    if seed is None:
        return None
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= LARGEST_SEED:
        raise ListRefused(place, f"seed is no whole number from 0 to {LARGEST_SEED}.", "Leave it out, or mend it.")
    return seed
