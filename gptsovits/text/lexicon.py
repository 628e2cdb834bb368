"""A voice's own words: spellings whose phones override the language's rules."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from gptsovits.text.english.possessive import possessive
from gptsovits.text.sequence import TextError
from gptsovits.text.symbols import id_table

Lexicon = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Piece:
    """A stretch of raw text; ``phones`` is set where the lexicon gives them."""

    text: str
    phones: tuple[str, ...] | None


def check(lexicon: Lexicon) -> None:
    """Refuses entries without phones or with phones that no v2 model knows.

    Raises:
        TextError: naming the word.
    """
    known = id_table()
    for word, phones in lexicon.items():
        wrong = [phone for phone in phones if phone not in known]
        if not word.strip() or not phones or wrong:
            reason = f"unknown phones {', '.join(wrong)}" if wrong else "no word or no phones"
            raise TextError(f"The lexicon entry {word!r} has {reason}; use phones of the v2 inventory.")


def _pattern(words: Sequence[str], language: str) -> re.Pattern[str]:
    """A group for each word, in their order; a word of Latin letters matches whole words only.

    In English a possessive belongs to its word.
    """
    alternatives = []
    for word in words:
        left = r"(?<![A-Za-z])" if word[0].isascii() and word[0].isalpha() else ""
        right = r"(?![A-Za-z])" if word[-1].isascii() and word[-1].isalpha() else ""
        ending = r"(?:['’]s(?![A-Za-z]))?" if right and language == "en" else ""
        alternatives.append(f"({left}{re.escape(word)}{right}){ending}")
    return re.compile("|".join(alternatives), re.IGNORECASE)


def split(text: str, lexicon: Lexicon | None, language: str = "") -> Iterator[Piece]:
    """The text in order, cut into words of the lexicon, longest first, and what lies between them."""
    if not lexicon:
        yield Piece(text, None)
        return
    check(lexicon)
    by_folded = {word.casefold(): (word, tuple(phones)) for word, phones in lexicon.items()}
    entries = sorted(by_folded.values(), key=lambda entry: len(entry[0]), reverse=True)
    end = 0
    for match in _pattern([word for word, _ in entries], language).finditer(text):
        if match.start() > end:
            yield Piece(text[end : match.start()], None)
        # The group tells the word: ignoring case, "İ" matches "i", which no folding of it finds again.
        group = match.lastindex or 1
        phones = entries[group - 1][1]
        yield Piece(match[0], phones if match[0] == match[group] else possessive(phones))
        end = match.end()
    if end < len(text):
        yield Piece(text[end:], None)
