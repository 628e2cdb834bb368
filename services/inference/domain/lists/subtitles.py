"""SubRip subtitles by pysubs2: each is a line that keeps its times."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pysubs2 import SSAFile
from pysubs2.exceptions import Pysubs2Error
from pysubs2.ssaevent import SSAEvent

from services.inference.domain.lists.line import Line, ListRefused, checked, decoded

HINT = "Write each as: a number, a line 00:00:01,000 --> 00:00:02,500, the text, an empty line."
_TIME = r"\d{1,2}:\d{1,2}:\d{1,2}[.,]\d{1,3}"
_STAMPS = re.compile(rf"^[ \t]*{_TIME}[ \t]*-->[ \t]*{_TIME}", re.MULTILINE)
MOST_BYTES = 4 << 20
LONGEST_CUE = 5_000
"""Characters with mark-up. Some of pysubs2's expressions take time by the square of it."""
_NUMBER_BEHIND = "\n\n0\n"
"""pysubs2 takes digits that end a subtitle for the number of the next one; so that the last keeps its own."""


def looks_so(text: str) -> bool:
    """Whether there is a line with two times."""
    return _STAMPS.search(text) is not None


def parse(content: bytes) -> list[Line]:
    """The lines in the order of the file; ListRefused says where and what."""
    text = decoded(content)
    if not looks_so(text):
        raise ListRefused("", "There is no subtitle in it.", HINT)
    _check(content, text)
    try:
        found = SSAFile.from_string(text + _NUMBER_BEHIND, format_="srt")
    except (Pysubs2Error, ValueError) as error:
        raise ListRefused("", f"The subtitles cannot be read ({error}).", HINT) from error
    return checked(_lines(found))


def _check(content: bytes, text: str) -> None:
    if len(content) > MOST_BYTES:
        raise ListRefused("", f"The subtitles are larger than {MOST_BYTES >> 20} MiB.", "Send them in parts.")
    begins = [match.start() for match in _STAMPS.finditer(text)]
    for number, (begin, end) in enumerate(zip(begins, [*begins[1:], len(text)], strict=True), start=1):
        if end - begin > LONGEST_CUE:
            raise ListRefused(f"subtitle {number}", f"it has more than {LONGEST_CUE} characters.", HINT)


def write(cues: list[tuple[float, float, str]]) -> str:
    """A SubRip file of (start, end, text), times in seconds."""
    file = SSAFile()
    for start, end, text in cues:
        event = SSAEvent(start=round(start * 1000), end=round(end * 1000))
        event.plaintext = text
        file.append(event)
    return str(file.to_string("srt"))


def _lines(found: SSAFile) -> Iterator[tuple[str, Line]]:
    for number, event in enumerate(found, start=1):
        place = f"subtitle {number}"
        if event.end < event.start:
            raise ListRefused(place, "it ends before it begins.", HINT)
        text = " ".join(event.plaintext.split())
        yield place, Line(str(number), text, start=event.start / 1000, end=event.end / 1000)
