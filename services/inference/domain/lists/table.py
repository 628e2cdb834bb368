"""CSV with a header: columns `text` and, where they are there, `id`, `language`, `voice`; others are ignored."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from services.inference.domain.lists.line import Line, ListRefused, checked, decoded

DELIMITERS = ",;\t"
HINT = "Begin with a header that has the column `text`, and put values with separators or line ends in quotes."
_COLUMNS = ("id", "language", "voice")


def parse(content: bytes) -> list[Line]:
    """The lines; ListRefused says where and what."""
    text = decoded(content)
    first = text.partition("\n")[0]
    delimiter = max(DELIMITERS, key=first.count)
    return checked(_lines(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)))


def _lines(reader: Iterator[list[str]]) -> Iterator[tuple[str, Line]]:
    columns = [name.strip().lower() for name in _row(reader, "line 1") or []]
    if "text" not in columns:
        raise ListRefused("line 1", "the header has no column `text`.", HINT)
    twice = next((name for name in columns if name in (*_COLUMNS, "text") and columns.count(name) > 1), None)
    if twice:
        raise ListRefused("line 1", f"the header has the column {twice!r} twice.", HINT)
    number = 1
    while (row := _row(reader, f"row {number + 1}")) is not None:
        number += 1
        if not any(row):
            continue  # an empty line
        place = f"row {number}"
        if len(row) > len(columns):
            raise ListRefused(place, f"there are {len(row)} values for {len(columns)} columns.", HINT)
        values = dict(zip(columns, row, strict=False))
        name, language, voice = (values.get(column, "").strip() for column in _COLUMNS)
        yield place, Line(name or str(number - 1), values.get("text", ""), language, voice)


def _row(reader: Iterator[list[str]], place: str) -> list[str] | None:
    try:
        return next(reader, None)
    except csv.Error as error:
        raise ListRefused(place, f"this is no CSV ({error}).", HINT) from error
