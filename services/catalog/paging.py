"""Cursor pages that neither lose nor repeat an item while others write: newest first, keyed by write order.

A cursor names what its reader has seen: the id of the last item shown, or its number within the list. Where that lies
in the order of all that was ever written, which would tell how much of it is private, is looked up here.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy import select
from sqlalchemy.orm import InstrumentedAttribute, Session

from services.common.errors import Invalid
from services.stubs.voicehub.common.v1.common_pb2 import PageRequest

T = TypeVar("T")
Place = tuple[InstrumentedAttribute[str], InstrumentedAttribute[int]]
"""Columns of a table: the id that whoever may see a row is told, and the row's place in the order of all of them."""
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
    if not isinstance(found, list) or len(found) != 2 or found[0] != kind or not _is_place(found[1]):
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


def page_after(session: Session, kind: str, asked: PageRequest, place: Place) -> Page:
    """The page that a request asks for, of a list whose cursors are ids."""
    return Page(page_size(asked.size), sequence_of(session, kind, asked.cursor, place, _MAX_SEQUENCE))


def sequence_of(session: Session, kind: str, cursor: str, place: Place, begin: int = 0) -> int:
    """Where the item that a cursor names lies in the order of all of its kind; `begin` without a cursor."""
    if not cursor:
        return begin
    last = decode(kind, cursor)
    found = session.scalar(select(place[1]).where(place[0] == last)) if isinstance(last, str) else None
    if found is None:
        raise bad_cursor()
    return found


def split(kind: str, page: Page, rows: Sequence[T], name: Callable[[T], str | int]) -> tuple[Sequence[T], str]:
    """Items and next cursor from `page.size + 1` rows; the cursor names the last item; empty on the last page."""
    if len(rows) <= page.size:
        return rows, ""
    return rows[: page.size], encode(kind, name(rows[page.size - 1]))


def _is_place(value: object) -> bool:
    """Whether a database takes it: no number beyond its columns, no half of a character."""
    if isinstance(value, int):
        return abs(value) <= _MAX_SEQUENCE
    return isinstance(value, str) and not any("\ud800" <= character <= "\udfff" for character in value)


def bad_cursor() -> Invalid:
    """The answer to a cursor that this list did not give."""
    return Invalid(
        "The cursor is not one of this list.",
        hint="Start again without a cursor and pass next_cursor on unchanged.",
        reason="BAD_CURSOR",
        fields={"cursor": "unknown"},
    )
