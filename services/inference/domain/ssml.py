"""The part of SSML 1.1 that is understood: speak, break, say-as (spell-out, characters), phoneme."""

from __future__ import annotations

import io
import re
from typing import Any, NoReturn
from xml.sax import ContentHandler, SAXParseException
from xml.sax.xmlreader import Locator

from defusedxml import DefusedXmlException
from defusedxml.sax import make_parser

from gptsovits.text.cantonese import syllable_phones as jyutping_phones
from gptsovits.text.mandarin.syllables import syllable_phones as pinyin_phones
from gptsovits.text.symbols import UNKNOWN, id_table
from services.common.errors import Invalid
from services.inference.domain.script import Break, Given, Script, Stretch

LONGEST_BREAK = 10.0
LONGEST_WORD = 100
"""Phones of a `<phoneme>`: it is said in one go."""
KNOWN = "<speak>, <break time/>, <say-as interpret-as>, <phoneme alphabet ph>"
_ATTRIBUTES = {"break": {"time", "strength"}, "say-as": {"interpret-as"}, "phoneme": {"alphabet", "ph"}}
_STRENGTHS = {"none": 0.0, "x-weak": 0.1, "weak": 0.2, "medium": 0.4, "strong": 0.7, "x-strong": 1.0}
_TIME = re.compile(r"(\d{1,6}(?:\.\d{1,6})?)(ms|s)")
_SPELLED = ("spell-out", "characters")
_ALPHABETS = ("x-voicehub", "x-pinyin", "x-jyutping")
_STANDINS = range(0xA500, 0xA600)
"""Letters of a script that no front end reads (Vai): each stands for a word whose phones are given."""


def parse(document: str) -> Script:
    """The script of a `<speak>` document.

    Raises:
        Invalid: it is no such document; the message says where, the hint what to do.
    """
    handler = _Handler(document)
    parser = make_parser()
    parser.forbid_dtd = True
    parser.setContentHandler(handler)
    try:
        parser.parse(io.StringIO(document))
    except SAXParseException as error:
        place = _place(error.getLineNumber(), error.getColumnNumber())
        hint = "Close every element, and write & as &amp; and < as &lt;."
        raise _refused(f"{place}: {error.getMessage()}.", hint) from error
    except DefusedXmlException as error:
        raise _refused("The document declares a document type or entities.", "Leave the DOCTYPE out.") from error
    return tuple(handler.script)


def _place(line: int | None, column: int | None) -> str:
    return f"Line {line or 1}, column {(column or 0) + 1}"


def _refused(message: str, hint: str) -> Invalid:
    return Invalid(message, hint=hint, reason="INVALID_SSML", fields={"text": message})


class _Handler(ContentHandler):
    def __init__(self, document: str) -> None:
        super().__init__()
        self.script: list[Stretch | Break] = []
        self._free = iter([chr(code) for code in _STANDINS if chr(code) not in document])
        self._where: Locator | None = None
        self._open: list[tuple[str, dict[str, str]]] = []
        self._text: list[str] = []
        self._inner: list[str] = []
        self._given: dict[str, Given] = {}

    def setDocumentLocator(self, locator: Locator) -> None:  # noqa: N802 - SAX's name
        self._where = locator

    def startElement(self, name: str, attrs: Any) -> None:  # noqa: N802 - SAX's name
        given = dict(attrs.items())
        if not self._open and name != "speak":
            self._refuse(f"the document begins with <{name}>", "Put everything into <speak>…</speak>.")
        if self._open and name not in _ATTRIBUTES:
            self._refuse(f"<{name}> is not understood", f"Known are {KNOWN}; leave others out.")
        if self._open and self._open[-1][0] != "speak":
            self._refuse(f"<{name}> inside <{self._open[-1][0]}>", "Put elements beside each other.")
        unknown = sorted(set(given) - _ATTRIBUTES.get(name, set(given)))
        if unknown:
            self._refuse(f"<{name}> has no {unknown[0]}", f"It takes {', '.join(sorted(_ATTRIBUTES[name]))}.")
        self._open.append((name, given))
        self._inner = []
        if name == "break":
            self._break(given)

    def characters(self, content: str) -> None:
        if self._open[-1][0] == "break":
            self._refuse("<break> holds text", 'Write <break time="500ms"/>.')
        (self._text if self._open[-1][0] == "speak" else self._inner).append(content)

    def endElement(self, name: str) -> None:  # noqa: N802 - SAX's name
        _, given = self._open.pop()
        inner = " ".join("".join(self._inner).split())
        if name == "speak":
            self._flush()
        elif name == "say-as":
            self._text.append(self._spelled(inner, given))
        elif name == "phoneme":
            self._text.append(self._phoneme(inner, given))

    def _break(self, given: dict[str, str]) -> None:
        time, strength = given.get("time"), given.get("strength", "medium")
        match = _TIME.fullmatch(time) if time else None
        if (time and not match) or strength not in _STRENGTHS:
            self._refuse("this break is not understood", 'Write time="500ms", time="0.5s" or strength="strong".')
        seconds = float(match[1]) / (1000 if match[2] == "ms" else 1) if match else _STRENGTHS[strength]
        if seconds > LONGEST_BREAK:
            self._refuse(f"this break lasts {seconds:g} s", f"At most {LONGEST_BREAK:g} s are possible.")
        self._flush()
        self.script.append(Break(seconds))

    def _spelled(self, inner: str, given: dict[str, str]) -> str:
        way = given.get("interpret-as", "")
        if way not in _SPELLED:
            self._refuse(f"interpret-as={way!r} is not understood", f"Known are {' and '.join(_SPELLED)}.")
        letters = [char.upper() if char.isascii() else char for char in inner if not char.isspace()]
        return f" {' '.join(letters)} "

    def _phoneme(self, inner: str, given: dict[str, str]) -> str:
        phones = self._phones(given.get("ph", "").split(), given.get("alphabet", _ALPHABETS[0]))
        standin = next(self._free, "")
        if not standin:
            self._refuse("there are too many <phoneme>", f"At most {len(_STANDINS)}; send the text in parts.")
        self._given[standin] = Given(inner or given["ph"], phones)
        return standin

    def _phones(self, written: list[str], alphabet: str) -> tuple[str, ...]:
        if alphabet not in _ALPHABETS:
            self._refuse(
                f"the alphabet {alphabet!r} is not understood",
                f"Use {_ALPHABETS[0]} (the engine's phones), {_ALPHABETS[1]} or {_ALPHABETS[2]}.",
            )
        if not written:
            self._refuse("<phoneme> has no ph", 'Give phones with blanks between them: ph="HH AH0 L OW1".')
        phones: list[str] = []
        for one in written:
            found = _phones_of(one, alphabet)
            if not found:
                self._refuse(f"{one!r} is no sound of {alphabet}", "gptsovits/text/data/symbols.json lists all.")
            phones += found
        if len(phones) > LONGEST_WORD:
            self._refuse(f"this word has {len(phones)} phones", f"At most {LONGEST_WORD}; give every word its own.")
        return tuple(phones)

    def _flush(self) -> None:
        text = "".join(self._text)
        self._text = []
        if any(char.isalnum() for char in text):
            self.script.append(Stretch(text.strip(), {char: self._given[char] for char in text if char in self._given}))

    def _refuse(self, message: str, hint: str) -> NoReturn:
        line, column = (self._where.getLineNumber(), self._where.getColumnNumber()) if self._where else (1, 0)
        raise _refused(f"{_place(line, column)}: {message}.", hint)


def _phones_of(written: str, alphabet: str) -> tuple[str, ...]:
    """The engine's phones of one phone or syllable; none if there is no such."""
    if alphabet == "x-voicehub":
        return (written,) if written in id_table() and written != UNKNOWN else ()
    syllable = re.fullmatch(r"[a-zê]{1,6}[1-6]", written)
    if not syllable:
        return ()
    found = pinyin_phones(written) if alphabet == "x-pinyin" else jyutping_phones(written)
    return tuple(found) if found and UNKNOWN not in found else ()
