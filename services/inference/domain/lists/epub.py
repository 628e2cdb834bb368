"""EPUB by zipfile and defusedxml: the documents of the spine, paragraph by paragraph.

ebooklib would do this, too; it is under the AGPL, so it is not used here.
"""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urlsplit
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml import ElementTree as Xml

from services.inference.domain.lists.line import Line, ListRefused, checked
from services.inference.domain.lists.paragraphs import paragraphs, sentences

MOST_ENTRIES = 2_000
MOST_BYTES = 64 << 20
"""Of all entries, unpacked."""
MOST_INDEX_BYTES, MOST_CHAPTER_BYTES = 2 << 20, 8 << 20
LONGEST_PIECE = 1_000
"""Characters; a longer paragraph becomes several lines, cut between sentences."""
CONTAINER = "META-INF/container.xml"
CHAPTER_TYPES = ("application/xhtml+xml", "text/html")
HINT = "Send the EPUB as it was published, without copy protection."


def parse(content: bytes) -> list[Line]:
    """The paragraphs of all chapters in reading order; ListRefused says where and what."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as book:
            _check(book)
            return checked(_lines(book))
    except zipfile.BadZipFile as error:
        raise ListRefused("", "The file is no EPUB: it is no zip archive.", HINT) from error


def _check(book: zipfile.ZipFile) -> None:
    entries = book.infolist()
    if len(entries) > MOST_ENTRIES:
        raise ListRefused("", f"The EPUB has {len(entries)} entries; at most {MOST_ENTRIES} are taken.", HINT)
    if sum(entry.file_size for entry in entries) > MOST_BYTES:
        raise ListRefused("", f"Unpacked the EPUB is larger than {MOST_BYTES >> 20} MiB.", HINT)


def _lines(book: zipfile.ZipFile) -> Iterator[tuple[str, Line]]:
    for chapter, name in enumerate(_spine(book), start=1):
        try:
            found = paragraphs(_read(book, name, MOST_CHAPTER_BYTES))
        except (ParseError, DefusedXmlException, ValueError) as error:
            raise ListRefused(name, f"the chapter is no well-formed XHTML ({_said(error)}).", HINT) from error
        for number, text in enumerate(found, start=1):
            pieces = sentences(text, LONGEST_PIECE)
            for part, piece in enumerate(pieces, start=1):
                behind = f".{part}" if len(pieces) > 1 else ""
                yield f"{name}, paragraph {number}", Line(f"c{chapter:03}p{number:04}{behind}", piece)


def _spine(book: zipfile.ZipFile) -> list[str]:
    """The names of the chapters in reading order."""
    container = _xml(book, CONTAINER)
    package = next((e.get("full-path", "") for e in container.iter() if _is(e, "rootfile")), "")
    root = _xml(book, package)
    items = {e.get("id"): e for e in root.iter() if _is(e, "item")}
    order = [items.get(e.get("idref")) for e in root.iter() if _is(e, "itemref") and e.get("linear") != "no"]
    chapters = [e for e in order if e is not None and e.get("media-type") in CHAPTER_TYPES]
    if not chapters:
        raise ListRefused(package, "the spine names no chapter.", HINT)
    folder = posixpath.dirname(package)
    names = (posixpath.normpath(posixpath.join(folder, unquote(urlsplit(e.get("href", "")).path))) for e in chapters)
    return list(dict.fromkeys(names))


def _xml(book: zipfile.ZipFile, name: str) -> Any:
    try:
        return Xml.fromstring(_read(book, name, MOST_INDEX_BYTES))
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise ListRefused(name, f"this is no well-formed XML ({_said(error)}).", HINT) from error


def _read(book: zipfile.ZipFile, name: str, most: int) -> bytes:
    try:
        if book.getinfo(name).file_size > most:
            raise ListRefused(name, f"it is larger than {most >> 20} MiB.", HINT)
        with book.open(name) as file:
            return file.read(most)
    except KeyError as error:
        raise ListRefused(name or CONTAINER, "the EPUB has no such entry, but names it.", HINT) from error
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        raise ListRefused(name, "it cannot be unpacked.", HINT) from error


def _is(element: Any, name: str) -> bool:
    return isinstance(element.tag, str) and element.tag.rpartition("}")[2] == name


def _said(error: Exception) -> str:
    return re.sub(r"\s+", " ", str(error))[:120]
