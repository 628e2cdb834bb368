"""Lists of the hub, page by page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from voicehub.decoding import decode
from voicehub.models import Page
from voicehub.transport import Transport


def items(transport: Transport, path: str, params: Mapping[str, Any] | None = None) -> Iterator[Any]:
    """Every item of a list, as JSON."""
    cursor = ""
    while True:
        query = {**(params or {}), "cursor": cursor, "size": 100}
        page = decode(Page, transport.json("GET", path, params=query))
        yield from page.items
        cursor = page.next_cursor
        if not cursor:
            return
