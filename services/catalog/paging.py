"""Cursor pages that neither lose nor repeat an item while others write: newest first, keyed by write order."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from services.common.errors import Invalid

T = TypeVar("T")
DEFAULT_SIZE = 20
MAX_SIZE = 100
_MAX_SEQUENCE = (1 << 31) - 1
"""The largest number in an INTEGER column of PostgreSQL."""


@dataclass(frozen=True)
class Page:
    """A page to read: at most `size` items written before the item number `before`."""

    size: int
    before: int


def encode(kind: str, value: str | int) -> str:
    """An opaque cursor of one kind of list."""
    return base64.urlsafe_b64encode(json.dumps([kind, value]).encode()).decode().rstrip("=")


def decode(kind: str, cursor: str) -> str | int:
    """What `encode` was given; Invalid for anything else."""
    try:
        found = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        raise bad_cursor() from None
    if not isinstance(found, list) or len(found) != 2 or found[0] != kind or not isinstance(found[1], str | int):
        raise bad_cursor()
    value: str | int = found[1]
    return value


def page_size(size: int) -> int:
    """The size of a page: 20 unless asked, at most 100; Invalid when negative."""
    if size < 0:
        raise Invalid("The page size is negative.", hint=f"Ask for 1 to {MAX_SIZE} items.", fields={"size": "negative"})
    return min(size or DEFAULT_SIZE, MAX_SIZE)


def read_page(kind: str, size: int, cursor: str) -> Page:
    """The page that a request asks for."""
    before = decode(kind, cursor) if cursor else _MAX_SEQUENCE
    if not isinstance(before, int) or not 0 <= before <= _MAX_SEQUENCE:
        raise bad_cursor()
    return Page(page_size(size), before)


def split(kind: str, page: Page, rows: Sequence[T], sequence: Callable[[T], int]) -> tuple[Sequence[T], str]:
    """Items and next cursor from `page.size + 1` rows; the cursor is empty on the last page."""
    if len(rows) <= page.size:
        return rows, ""
    return rows[: page.size], encode(kind, sequence(rows[page.size - 1]))


def bad_cursor() -> Invalid:
    """The answer to a cursor that this list did not give."""
    return Invalid(
        "The cursor is not one of this list.",
        hint="Start again without a cursor and pass next_cursor on unchanged.",
        reason="BAD_CURSOR",
        fields={"cursor": "unknown"},
    )
