"""Server-sent events (WHATWG HTML, section 9.2): lines to events."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from voicehub.errors import Unreadable


@dataclass(frozen=True)
class ServerEvent:
    """One event: its type, its data as text, and the id to resume after."""

    event: str
    data: str
    id: str = ""

    def json(self) -> Any:
        """The data as JSON."""
        try:
            return json.loads(self.data)
        except ValueError as error:
            raise Unreadable("The hub sent an event that is not JSON.") from error


def parse(lines: Iterable[str]) -> Iterator[ServerEvent]:
    """Events of a stream of lines without their ends; an event cut off by the end of the stream is dropped."""
    kind, identifier = "message", ""
    data: list[str] = []
    for line in lines:
        if not line:
            if data:
                yield ServerEvent(kind, "\n".join(data), identifier)
            kind, data = "message", []
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            kind = value
        elif name == "data":
            data.append(value)
        elif name == "id":
            identifier = value
