"""Which kind of list a file is, by its content, and its lines."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from services.inference.domain.lists import epub, jsonl, subtitles, table
from services.inference.domain.lists.line import Line, ListRefused, decoded

PARSERS: Mapping[str, Callable[[bytes], list[Line]]] = {
    "jsonl": jsonl.parse,
    "csv": table.parse,
    "srt": subtitles.parse,
    "epub": epub.parse,
}


def kind_of(content: bytes) -> str:
    """`jsonl`, `csv`, `srt` or `epub`; ListRefused if it is none of them."""
    if content.startswith(b"PK"):
        return "epub"
    text = decoded(content).lstrip()
    if text.startswith("{"):
        return "jsonl"
    if subtitles.looks_so(text):
        return "srt"
    first = text.partition("\n")[0].lower()
    if any("text" in (name.strip().strip('"') for name in first.split(d)) for d in table.DELIMITERS):
        return "csv"
    hint = "Send JSONL, CSV with a header and a column `text`, SRT, or EPUB."
    raise ListRefused("", "This is no list that is known.", hint)


def parse(content: bytes, wanted: str = "") -> tuple[str, list[Line]]:
    """Kind and lines of a list; ListRefused also when it is of another kind than it is said to be."""
    found = kind_of(content)
    if wanted and wanted != found:
        raise ListRefused("", f"The list is said to be {wanted}, and is {found}.", "Say what it is, or nothing.")
    return found, PARSERS[found](content)
