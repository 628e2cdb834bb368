"""XHTML to paragraphs, and long paragraphs to sentences."""

from __future__ import annotations

import re
from html.entities import name2codepoint

from defusedxml.ElementTree import DefusedXMLParser

BLOCKS = frozenset(
    {"address", "article", "aside", "blockquote", "body", "caption", "dd", "div", "dl", "dt", "figcaption", "figure"}
    | {"footer", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li", "main", "nav", "ol", "p", "pre", "section"}
    | {"table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul"}
)
SILENT = frozenset({"head", "rp", "rt", "script", "style", "template"})
"""Not read aloud; `rt` is the reading of the word beside it."""
_SENTENCE = re.compile(r"(?<=[.!?…])\s+|(?<=[。！？])")


def paragraphs(document: bytes) -> list[str]:
    """The texts of the blocks of an XHTML document, in order, white space made plain.

    Raises:
        ParseError, DefusedXmlException, ValueError: it is not well-formed, or declares entities.
    """
    collector = _Collector()
    parser = DefusedXMLParser(target=collector)
    # Names of HTML's entities, which the document type of XHTML 1.1 would define; it is not fetched.
    parser.entity.update({name: chr(code) for name, code in name2codepoint.items()})
    parser.feed(document)
    parser.close()
    return collector.found


def sentences(text: str, most: int) -> list[str]:
    """The text in pieces of at most `most` characters, cut behind sentences where it can be, else between words."""
    if len(text) <= most:
        return [text]
    pieces: list[str] = []
    for sentence in _SENTENCE.split(text):
        for part in _hard(sentence, most):
            joined = f"{pieces[-1]} {part}" if pieces else part
            if pieces and len(joined) <= most:
                pieces[-1] = joined
            else:
                pieces.append(part)
    return pieces


def _hard(sentence: str, most: int) -> list[str]:
    parts, start = [], 0
    while len(sentence) - start > most:
        at = sentence.rfind(" ", start + 1, start + most + 1)
        cut = at if at > 0 else start + most
        parts.append(sentence[start:cut])
        start = cut + (sentence[cut] == " ")
    return [*parts, sentence[start:]] if start < len(sentence) else parts


class _Collector:
    """Builds no tree, so that no depth of nesting costs anything."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self._text: list[str] = []
        self._silent = 0

    def start(self, tag: str, _attributes: dict[str, str]) -> None:
        """An element begins."""
        self._boundary(_name(tag))
        self._silent += _name(tag) in SILENT

    def end(self, tag: str) -> None:
        """An element ends."""
        self._silent -= _name(tag) in SILENT
        self._boundary(_name(tag))

    def data(self, text: str) -> None:
        """Characters."""
        if not self._silent:
            self._text.append(text)

    def close(self) -> None:
        """The document ends."""
        self._boundary("body")

    def _boundary(self, name: str) -> None:
        if name == "br":
            self._text.append(" ")
        if name in BLOCKS:
            text = " ".join("".join(self._text).split())
            self._text.clear()
            if text:
                self.found.append(text)


def _name(tag: str) -> str:
    return tag.rpartition("}")[2].lower()
