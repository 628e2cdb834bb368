"""From a script to the pieces that an opened voice speaks, each read when its turn comes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from gptsovits.runtime.performing import Silence
from gptsovits.runtime.speaking import Piece, read_pieces
from gptsovits.text.sequence import WordSpan
from services.inference.domain.script import Break, Given, Script, Stretch
from services.inference.shelf import OpenVoice


def read(script: Script, language: str, opened: OpenVoice, cutting: str) -> Iterator[Piece | Silence]:
    """Pieces and silences in order.

    Raises:
        TextError: a stretch has nothing to speak, or the language cannot be read here.
    """
    own = opened.lexicons.get(language.lower().removeprefix("all_"), {})
    for item in script:
        if isinstance(item, Break):
            yield Silence(item.seconds)
            continue
        lexicon = {**own, **{char: word.phones for char, word in item.given.items()}}
        for piece in read_pieces(item.text, language, lexicon or None, opened.bert, cutting):
            yield _as_written(piece, item) if item.given else piece


def _as_written(piece: Piece, stretch: Stretch) -> Piece:
    """Words whose phones were given are called as they were written."""
    return replace(piece, words=tuple(_word(word, stretch.given) for word in piece.words))


def _word(word: WordSpan, given: Mapping[str, Given]) -> WordSpan:
    return replace(word, text=given[word.text].text) if word.text in given else word
