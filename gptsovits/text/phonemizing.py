"""Text to phones, the entry point for training and synthesis."""

from __future__ import annotations

import logging
import re
from collections.abc import Collection
from dataclasses import replace

from gptsovits.text import frontends
from gptsovits.text import lexicon as lexicons
from gptsovits.text.frontends import Frontend
from gptsovits.text.lexicon import Lexicon
from gptsovits.text.segmentation import mode_named, segment
from gptsovits.text.sequence import PhonemeSequence, Spoken, TextError, build, join

_LOG = logging.getLogger(__name__)

_FEWEST_PHONES = 6
_GUARD = "."
_WORD = re.compile(r"[^\W_]+")


class _NotSpoken:
    """The front end of a language that a voice does not speak."""

    FEWEST_PHONES = 0

    def normalize(self, text: str) -> str:
        return ""

    def pronounce(self, normalized: str) -> list[Spoken]:
        return []

    def unreadable(self, text: str) -> list[str]:
        return _WORD.findall(text)


def phonemize(
    text: str,
    language: str,
    lexicon: Lexicon | None = None,
    *,
    guard_short: bool = False,
    spoken: Collection[str] | None = None,
) -> PhonemeSequence:
    """Phones of a text.

    Args:
        text: any text; words of another language inside it are read in that language.
        language: ``zh``, ``en``, ``ja``, ``ko``, ``yue``, or a mode of :func:`gptsovits.text.segment`
            (``auto``, ``auto_yue``, ``all_zh``, ``all_ja``, ``all_ko``, ``all_yue``); letter case does not matter.
        lexicon: word to phones; overrides the pronunciation of these words.
        guard_short: process the text again with a leading full stop when it gives fewer than six phones, as
            synthesis does to protect the first sound.
        spoken: the languages that the voice speaks, None for all. Words that are in another one are unspoken.

    Raises:
        TextError: for an unsupported language, a missing package or a wrong lexicon entry.
    """
    result = _phonemize(text, language, lexicon, spoken)
    if guard_short and len(result.phones) < _FEWEST_PHONES and not text.startswith(_GUARD):
        result = _phonemize(_GUARD + text, language, lexicon, spoken)
    if result.unspoken:
        _LOG.warning("No pronunciation in %s for: %s", result.language, ", ".join(result.unspoken))
    return result


def unreadable(
    text: str, language: str, lexicon: Lexicon | None = None, spoken: Collection[str] | None = None
) -> tuple[str, ...]:
    """What `phonemize` lists as unspoken, without making phones; arguments and errors are the same."""
    return tuple(
        word
        for part in segment(text, mode_named(language))
        for piece in lexicons.split(part.text, lexicon, part.language)
        if piece.phones is None
        for word in _frontend(part.language, spoken).unreadable(piece.text)
    )


def _frontend(code: str, spoken: Collection[str] | None) -> Frontend:
    return frontends.load(code) if spoken is None or code in spoken else _NotSpoken()


def _phonemize(
    text: str, language: str, lexicon: Lexicon | None, spoken: Collection[str] | None
) -> PhonemeSequence:
    mode = mode_named(language)
    segments = segment(text, mode)
    parts = [_single_language(part.text, part.language, lexicon, spoken) for part in segments]
    return join(parts) if parts else build((), "", mode, per_character=False)


def _lexicon_word(piece: str, phones: tuple[str, ...], per_character: bool) -> list[Spoken]:
    """A lexicon word whole, or its phones over its characters as evenly as they go, earlier characters first."""
    if not per_character:
        return [Spoken(piece, phones)]
    if len(phones) < len(piece):
        raise TextError(f"The lexicon entry {piece!r} has fewer phones than characters; give each at least one.")
    share, more = divmod(len(phones), len(piece))
    spoken: list[Spoken] = []
    start = 0
    for place, char in enumerate(piece):
        end = start + share + (place < more)
        spoken.append(Spoken(char, phones[start:end]))
        start = end
    return spoken


def _single_language(
    text: str, code: str, lexicon: Lexicon | None, languages: Collection[str] | None
) -> PhonemeSequence:
    language = frontends.language(code)
    frontend = _frontend(code, languages)
    spoken: list[Spoken] = []
    normalized: list[str] = []
    unspoken: list[str] = []
    for piece in lexicons.split(text, lexicon, code):
        if piece.phones is not None:
            spoken += _lexicon_word(piece.text, piece.phones, language.per_character)
            normalized.append(piece.text)
            continue
        plain = frontend.normalize(piece.text)
        if plain:
            spoken += frontend.pronounce(plain)
            normalized.append(plain)
        unspoken += frontend.unreadable(piece.text)
    if 0 < sum(len(piece.phones) for piece in spoken) < frontend.FEWEST_PHONES:
        spoken.insert(0, Spoken(",", (",",)))
    result = build(spoken, language.blank.join(normalized), code, per_character=language.per_character)
    return replace(result, unspoken=tuple(unspoken)) if unspoken else result
