"""A voice's own words: spellings whose phones override the language's rules."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

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


def _pattern(words: Sequence[str]) -> re.Pattern[str]:
    """Longest words first; a word of Latin letters matches whole words only."""
    alternatives = []
    for word in sorted(words, key=len, reverse=True):
        left = r"(?<![A-Za-z])" if word[0].isascii() and word[0].isalpha() else ""
        right = r"(?![A-Za-z])" if word[-1].isascii() and word[-1].isalpha() else ""
        alternatives.append(f"{left}{re.escape(word)}{right}")
    return re.compile("|".join(alternatives), re.IGNORECASE)


def split(text: str, lexicon: Lexicon | None) -> Iterator[Piece]:
    """The text in order, cut into words of the lexicon and what lies between them."""
    if not lexicon:
        yield Piece(text, None)
        return
    check(lexicon)
    by_folded = {word.casefold(): tuple(phones) for word, phones in lexicon.items()}
    end = 0
    for match in _pattern(list(lexicon)).finditer(text):
        if match.start() > end:
            yield Piece(text[end : match.start()], None)
        yield Piece(match[0], by_folded[match[0].casefold()])
        end = match.end()
    if end < len(text):
        yield Piece(text[end:], None)
