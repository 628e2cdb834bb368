"""Long text cut into the pieces that are spoken one after another."""

from __future__ import annotations

import re
from collections.abc import Callable

from gptsovits.text.scripts import runs
from gptsovits.text.sequence import TextError

ENDERS = frozenset("，。？！,.?!~:：—…")
"""Marks that end a clause for ``cut1``, ``cut2`` and for splitting overlong pieces."""

_CUT5_MARKS = frozenset(",.;?!、，。？！;：…")
_MARKS_ONLY = frozenset("!?…,.- ") | _CUT5_MARKS | frozenset("；：—~\n\t")
_SENTENCES_PER_PIECE = 4
_LONG_PIECE = 50
_SHORTEST_PIECE = 5
_LONGEST_PIECE = 510
_SHORTEST_START = 4
_WORD = re.compile(r"[^\W_]")
_PLACES = tuple(
    re.compile(pattern)
    for pattern in (
        "[{}](?!\\d)".format(re.escape("".join(sorted(ENDERS)))),
        r"\s",
        r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af](?=\w)",
        r".",
    )
)
"""Behind what a piece is cut in two, the best first: marks, blanks, characters that are no mere letters, anything."""
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_ATOMS = re.compile("[{0}]|[^{0}]+".format(re.escape("".join(sorted(ENDERS)))))


def clauses(text: str) -> list[str]:
    """The text cut behind every clause-ending mark; a full stop is added where the last is missing."""
    text = text.replace("……", "。").replace("——", "，")
    if not text or text[-1] not in ENDERS:
        text += "。"
    return _after_marks(text, ENDERS)


def _after_marks(text: str, marks: frozenset[str]) -> list[str]:
    pieces = [""]
    for char in text:
        pieces[-1] += char
        if char in marks:
            pieces.append("")
    return pieces if pieces[-1] else pieces[:-1]


def _not_cut(text: str) -> list[str]:
    return [text]


def _by_four(text: str) -> list[str]:
    found = clauses(text)
    if len(found) <= _SENTENCES_PER_PIECE:
        return [text]
    whole = len(found) // _SENTENCES_PER_PIECE * _SENTENCES_PER_PIECE
    starts = range(0, whole, _SENTENCES_PER_PIECE)
    pieces = ["".join(found[start : start + _SENTENCES_PER_PIECE]) for start in starts]
    pieces[-1] += "".join(found[whole:])
    return pieces


def _by_length(text: str) -> list[str]:
    found = clauses(text)
    if len(found) < 2:
        return [text]
    pieces = [""]
    for clause in found:
        if len(pieces[-1]) > _LONG_PIECE:
            pieces.append("")
        pieces[-1] += clause
    if len(pieces) > 1 and len(pieces[-1]) < _LONG_PIECE:
        last = pieces.pop()
        pieces[-1] += last
    return pieces


def _at_chinese_stops(text: str) -> list[str]:
    return [piece for piece in text.strip("。").split("。") if piece]


def _at_ascii_stops(text: str) -> list[str]:
    return [piece for piece in re.split(r"(?<!\d)\.|\.(?!\d)", text.strip(".")) if piece]


def _is_inside_number(text: str, place: int) -> bool:
    """Whether the mark is a decimal point, or a comma before three digits of the same number."""
    is_point = text[place] == "." and text[place - 1 : place].isdigit() and text[place + 1 : place + 2].isdigit()
    return is_point or _THOUSANDS.match(text, place) is not None


def _at_punctuation(text: str) -> list[str]:
    pieces = [""]
    for place, char in enumerate(text):
        pieces[-1] += char
        if char in _CUT5_MARKS and not _is_inside_number(text, place):
            pieces.append("")
    return pieces


_METHODS: dict[str, Callable[[str], list[str]]] = {
    "cut0": _not_cut,
    "cut1": _by_four,
    "cut2": _by_length,
    "cut3": _at_chinese_stops,
    "cut4": _at_ascii_stops,
    "cut5": _at_punctuation,
}
METHODS = tuple(_METHODS)


def _method(name: str) -> Callable[[str], list[str]]:
    try:
        return _METHODS[name]
    except KeyError:
        raise TextError(f"Cutting method {name!r} is unknown; use one of {', '.join(METHODS)}.") from None


def cut_lines(text: str, method: str = "cut5") -> str:
    """The raw text with a line break at every cut; blanks and line breaks of the text itself stay."""
    pieces = _method(method)(text.strip("\n"))
    if method == "cut2":
        return "\n".join(pieces)
    spoken = [piece for piece in pieces if not set(piece) <= _MARKS_ONLY]
    return "\n".join(spoken) if spoken or method != "cut0" else "\n"


def cut(text: str, method: str = "cut5") -> list[str]:
    """Pieces of a raw text by one of the six methods, without those that hold punctuation only.

    ``cut0`` none; ``cut1`` four clauses each; ``cut2`` about fifty characters each; ``cut3`` at Chinese full stops;
    ``cut4`` at ASCII full stops; ``cut5`` at every mark. Line breaks of the text cut as well.

    Raises:
        TextError: for an unknown method.
    """
    return [line.strip() for line in cut_lines(text, method).split("\n") if _WORD.search(line)]


def merge_short(pieces: list[str], shortest: int = _SHORTEST_PIECE) -> list[str]:
    """Joins neighbours until each piece has ``shortest`` characters; a short tail joins the last."""
    merged = [""]
    for piece in pieces:
        if len(merged[-1]) >= shortest:
            merged.append("")
        merged[-1] += piece
    if len(merged) > 1 and len(merged[-1]) < shortest:
        tail = merged.pop()
        merged[-1] += tail
    return merged


def split_long(text: str, longest: int = _LONGEST_PIECE) -> list[str]:
    """Cuts a piece above ``longest`` characters at punctuation, or at the limit where there is none."""
    pieces = [""]
    for atom in _ATOMS.findall(text):
        for start in range(0, len(atom), longest):
            part = atom[start : start + longest]
            if pieces[-1] and len(pieces[-1]) + len(part) > longest:
                pieces.append("")
            pieces[-1] += part
    return pieces


def halves(text: str) -> tuple[str, ...]:
    """The text cut once, as near to its middle as a mark, else a blank, else a character allows, with words in both.

    A text that cannot be cut so is the only one.
    """
    words = [match.start() for match in _WORD.finditer(text)]
    for place in _PLACES if words else ():
        ends = [match.end() for match in place.finditer(text) if words[0] < match.end() <= words[-1]]
        middle = [end for end in ends if len(text) <= 4 * end <= 3 * len(text)]
        if middle or (ends and place is _PLACES[-1]):
            end = min(middle or ends, key=lambda end: abs(2 * end - len(text)))
            return text[:end], text[end:]
    return (text,)


def _guard_start(text: str, stop: str) -> str:
    """A full stop before a very short first phrase keeps its first word from being swallowed."""
    first = _ATOMS.search(text)
    short = first is not None and first[0] not in ENDERS and len(first[0].strip()) < _SHORTEST_START
    return stop + text if short else text


def _stop(text: str, language: str) -> str:
    mode = language.lower()
    return "." if mode == "en" or (mode.startswith("auto") and _is_latin(text)) else "。"


def _is_latin(text: str) -> bool:
    """Whether it is written in Latin letters alone, or in ASCII where it has none."""
    scripts = {run.script for run in runs(text)} - {"digits", "marks"}
    return scripts == {"latin"} or (not scripts and text.isascii())


def ended(text: str, language: str) -> str:
    """The text with a full stop where it has no mark at its end: without one the speech would go on."""
    return text if text[-1:] in ENDERS else text + _stop(text, language)


def pieces(text: str, language: str, method: str = "cut5") -> list[str]:
    """The pieces of a text that synthesis speaks one by one: cut, short ones merged, each ending in a mark.

    Args:
        text: raw text.
        language: language or mode of the text; English gets ASCII full stops where one is added, also in modes that
            find the language: by the other one a number alone would be Chinese.
        method: a method of :func:`cut`.

    Raises:
        TextError: for an unknown method, or when the text holds nothing to speak.
    """
    text = text.strip("\n")
    stop = _stop(text, language)
    lines = [line for line in cut_lines(_guard_start(text, stop), method).split("\n") if line.strip()]
    found = [piece for piece in merge_short(lines) if _WORD.search(piece)]
    if not found:
        raise TextError("The text holds nothing to speak; give at least one word.")
    ends = (piece if piece[-1] in ENDERS else piece + stop for piece in found)
    return [part for piece in ends for part in split_long(piece)]
