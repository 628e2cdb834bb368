"""What the hub spoke."""

from __future__ import annotations

import json
from dataclasses import dataclass

import httpx


@dataclass(frozen=True)
class Spoken:
    """A labelled file, and the words of the text that it leaves out (the first ten): no sounds for them."""

    content: bytes
    left_out: tuple[str, ...] = ()


def of_response(response: httpx.Response) -> Spoken:
    """The file and what its headers say; a hub of before says nothing."""
    try:
        words = json.loads(response.headers.get("X-Left-Out", "[]"))
    except ValueError:
        words = []
    return Spoken(response.content, tuple(str(word) for word in words) if isinstance(words, list) else ())
