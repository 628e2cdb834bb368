"""A line of a list, what is wrong with a list, and how much of one is taken."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

MOST_LINES = 20_000
LONGEST_LINE = 2_000
LONGEST_NAME = 100
LONGEST_LANGUAGE = 35
"""Characters of a language tag, as everywhere in the API."""
MOST_TEXT_BYTES = 16 << 20
"""Of a list that is one text."""


class ListRefused(Exception):
    """A list that cannot be read.

    Args:
        place: where, such as `line 7`; may be empty when it is the whole list.
        message: what is wrong there, one sentence.
        hint: what to do about it, one sentence.
    """

    def __init__(self, place: str, message: str, hint: str) -> None:
        super().__init__(f"{place}: {message}" if place else message)
        self.place, self.message, self.hint = place, message, hint


@dataclass(frozen=True)
class Line:
    """One line.

    Attributes:
        id: its name, unique in its list.
        language: as the list says it; empty is the batch's.
        voice: the only one of the batch's voices that shall speak it; empty means all.
        seed: its own; None is the batch's.
        start, end: of a subtitle, in seconds of the film.
    """

    id: str
    text: str
    language: str = ""
    voice: str = ""
    seed: int | None = None
    start: float | None = None
    end: float | None = None

    @property
    def obstacle(self) -> str:
        """Why nobody can speak it; empty if nothing is known against it."""
        if not self.text.strip():
            return "There is no text to speak."
        if len(self.text) > LONGEST_LINE:
            return f"The line has {len(self.text)} characters; at most {LONGEST_LINE} are spoken as one."
        return ""


def checked(found: Iterable[tuple[str, Line]]) -> list[Line]:
    """The lines of (place, line) pairs; ListRefused for one too many, a name that is there twice or out of form."""
    lines: list[Line] = []
    places: dict[str, str] = {}
    for place, line in found:
        if len(lines) == MOST_LINES:
            raise ListRefused(place, f"a list has at most {MOST_LINES} lines.", "Send it in parts.")
        if not 0 < len(line.id) <= LONGEST_NAME or not line.id.isprintable():
            raise ListRefused(place, f"an id has 1 to {LONGEST_NAME} printable characters.", "Give a shorter one.")
        if len(line.language) > LONGEST_LANGUAGE:
            hint = "Write it as en, zh or yue."
            raise ListRefused(place, f"a language has at most {LONGEST_LANGUAGE} characters.", hint)
        if line.id in places:
            raise ListRefused(place, f"the id {line.id!r} is that of {places[line.id]}.", "Give every line its own.")
        places[line.id] = place
        lines.append(line)
    if not lines:
        raise ListRefused("", "The list has no line.", "Give one line at least.")
    return lines


def decoded(content: bytes) -> str:
    """The text of a file in UTF-8 or, by its mark, UTF-16, with the line ends of Unix."""
    if len(content) > MOST_TEXT_BYTES:
        raise ListRefused("", f"The list is larger than {MOST_TEXT_BYTES >> 20} MiB.", "Send it in parts.")
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        hint = "Save it as UTF-8."
        raise ListRefused(f"byte {error.start}", "this is not text in UTF-8.", hint) from error
    if "\x00" in text:
        number = text.count("\n", 0, text.index("\x00")) + 1
        raise ListRefused(f"line {number}", "a text holds a NUL character.", "Take it out.")
    return text.replace("\r\n", "\n").replace("\r", "\n")
