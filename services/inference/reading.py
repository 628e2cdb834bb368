"""From a script to the pieces that an opened voice speaks, each read when its turn comes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from gptsovits.runtime.performing import Silence
from gptsovits.runtime.speaking import Piece, left_out, read_pieces
from gptsovits.text.lexicon import Lexicon
from gptsovits.text.sequence import NothingReadable, WordSpan
from services.inference.domain.script import Break, Given, Script, Stretch
from services.inference.shelf import OpenVoice

Lexicons = Mapping[str, Lexicon]
MOST_UNREAD = 100
"""Words that are told of."""
LONGEST_UNREAD = 40
"""Characters of each."""


def unread(script: Script, language: str, lexicons: Lexicons, cutting: str) -> tuple[str, ...]:
    """What `read` leaves out because the language has no sounds for it, each once; errors as there."""
    own = _own(lexicons, language)
    stretches = (item for item in script if isinstance(item, Stretch))
    words = (word for item in stretches for word in left_out(item.text, language, _lexicon(own, item), cutting))
    return tuple(dict.fromkeys(word[:LONGEST_UNREAD] for word in words))[:MOST_UNREAD]


def read(script: Script, language: str, opened: OpenVoice, cutting: str) -> Iterator[Piece | Silence]:
    """Pieces and silences in order.

    Raises:
        NothingReadable: there are words, and the language can read none of them.
        TextError: a stretch has nothing to speak, or the language cannot be read here.
    """
    own = _own(opened.lexicons, language)
    refused, spoken = None, False
    for item in script:
        if isinstance(item, Break):
            yield Silence(item.seconds)
            continue
        try:
            for piece in read_pieces(item.text, language, _lexicon(own, item), opened.bert, cutting):
                spoken = True
                yield _as_written(piece, item) if item.given else piece
        except NothingReadable as error:
            refused = refused or error
    if refused is not None and not spoken:
        raise refused


def _own(lexicons: Lexicons, language: str) -> Lexicon:
    return lexicons.get(language.lower().removeprefix("all_"), {})


def _lexicon(own: Lexicon, stretch: Stretch) -> Lexicon | None:
    """The voice's own words, and those whose phones were given."""
    return {**own, **{char: word.phones for char, word in stretch.given.items()}} or None


def _as_written(piece: Piece, stretch: Stretch) -> Piece:
    """Words whose phones were given are called as they were written."""
    return replace(piece, words=tuple(_word(word, stretch.given) for word in piece.words))


def _word(word: WordSpan, given: Mapping[str, Given]) -> WordSpan:
    return replace(word, text=given[word.text].text) if word.text in given else word
