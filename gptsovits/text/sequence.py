"""What the text front end gives: phones with their ids and where each word lies in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from gptsovits.text.symbols import UNKNOWN, id_table, phone_ids


class TextError(ValueError):
    """The text or the language cannot be handled; the message says what to do."""


class NothingReadable(TextError):
    """Not a word of the text can be read in this language."""


@dataclass(frozen=True)
class Spoken:
    """A piece of normalised text (a word, a character, a mark) with its phones."""

    text: str
    phones: tuple[str, ...]


@dataclass(frozen=True)
class WordSpan:
    """The phones ``start`` up to, not including, ``end`` speak ``text``."""

    text: str
    start: int
    end: int


@dataclass(frozen=True)
class PhonemeSequence:
    """Phones of a text.

    ``word2ph`` (phones per normalised character) exists for wholly Mandarin or wholly Cantonese text only; then
    ``len(phones) == sum(word2ph)`` and ``len(normalized) == len(word2ph)``. ``parts`` are the single-language
    sequences that a text of several languages was put together from (itself not among them; empty for one
    language). ``unspoken`` lists what was written but could not be given a sound.
    """

    phones: tuple[str, ...]
    ids: tuple[int, ...]
    word2ph: tuple[int, ...] | None
    normalized: str
    language: str = ""
    words: tuple[WordSpan, ...] = ()
    parts: tuple[PhonemeSequence, ...] = field(default=(), repr=False)
    unspoken: tuple[str, ...] = ()


def known_phones(phones: Iterable[str]) -> tuple[str, ...]:
    """The phones with every one outside the v2 inventory replaced by ``UNK``."""
    table = id_table()
    return tuple(phone if phone in table else UNKNOWN for phone in phones)


def build(spoken: Sequence[Spoken], normalized: str, language: str, *, per_character: bool) -> PhonemeSequence:
    """Puts single-language pieces together; ``per_character`` gives the result its ``word2ph``."""
    phones: list[str] = []
    words: list[WordSpan] = []
    for piece in spoken:
        start = len(phones)
        phones.extend(known_phones(piece.phones))
        words.append(WordSpan(piece.text, start, len(phones)))
    word2ph = tuple(word.end - word.start for word in words) if per_character else None
    return PhonemeSequence(tuple(phones), phone_ids(phones), word2ph, normalized, language, tuple(words))


def join(parts: Sequence[PhonemeSequence]) -> PhonemeSequence:
    """One sequence from those of neighbouring segments; a single part is returned unchanged."""
    if len(parts) == 1:
        return parts[0]
    words: list[WordSpan] = []
    offset = 0
    for part in parts:
        words.extend(WordSpan(word.text, word.start + offset, word.end + offset) for word in part.words)
        offset += len(part.phones)
    languages = {part.language for part in parts}
    whole = len(languages) == 1 and all(part.word2ph is not None for part in parts)
    return PhonemeSequence(
        phones=tuple(phone for part in parts for phone in part.phones),
        ids=tuple(index for part in parts for index in part.ids),
        word2ph=tuple(count for part in parts for count in part.word2ph or ()) if whole else None,
        normalized="".join(part.normalized for part in parts),
        language=languages.pop() if len(languages) == 1 else "mixed",
        words=tuple(words),
        parts=tuple(parts),
        unspoken=tuple(word for part in parts for word in part.unspoken),
    )
