"""From a script to the pieces that an opened voice speaks, each read when its turn comes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from gptsovits.runtime.performing import Silence
from gptsovits.runtime.speaking import SILENT, Piece, left_out, read_pieces
from gptsovits.text.lexicon import Lexicon
from gptsovits.text.sequence import NothingReadable, WordSpan
from gptsovits.text.symbols import phone_ids
from services.inference.domain.script import Break, Given, Script, Stretch
from services.inference.shelf import OpenVoice

MOST_UNREAD = 100
"""Words that are told of."""
LONGEST_UNREAD = 40
"""Characters of each."""


def unread(script: Script, language: str, opened: OpenVoice, cutting: str) -> tuple[str, ...]:
    """What `read` leaves out because the language or the voice has no sounds for it, each once; errors as there."""
    stretches = (item for item in script if isinstance(item, Stretch))
    words = (
        _written(word, item)
        for item in stretches
        for word in left_out(
            item.text, language, _lexicon(opened, language, item), cutting, opened.engine.facts.languages
        )
    )
    return tuple(dict.fromkeys(word[:LONGEST_UNREAD] for word in words))[:MOST_UNREAD]


def read(script: Script, language: str, opened: OpenVoice, cutting: str) -> Iterator[Piece | Silence]:
    """Pieces and silences in order.

    Raises:
        NothingReadable: there are words, and the language can read none of them.
        TextError: a stretch has nothing to speak, or the language cannot be read here.
    """
    refused, spoken = None, False
    for item in script:
        if isinstance(item, Break):
            yield Silence(item.seconds)
            continue
        try:
            lexicon, languages = _lexicon(opened, language, item), opened.engine.facts.languages
            for piece in read_pieces(item.text, language, lexicon, opened.bert, cutting, languages):
                spoken = True
                yield _as_written(piece, item) if item.given else piece
        except NothingReadable as error:
            refused = refused or NothingReadable(_written(str(error), item))
    if refused is not None and not spoken:
        raise refused


def _lexicon(opened: OpenVoice, language: str, stretch: Stretch) -> Lexicon | None:
    """The voice's own words, and those whose phones were given, if the voice can say them."""
    own = opened.lexicons.get(language.lower().removeprefix("all_"), {})
    given = {char: word.phones for char, word in stretch.given.items() if _can_say(opened, word.phones)}
    return {**own, **given} or None


def _can_say(opened: OpenVoice, phones: Sequence[str]) -> bool:
    """Whether there is a sound for each of these phones: a small voice has none for those of other languages."""
    classes = opened.engine.facts.token_classes
    sounds = phone_ids(phone for phone in phones if phone not in SILENT)
    return classes is None or all(sound < len(classes) and classes[sound] for sound in sounds)


def _written(text: str, stretch: Stretch) -> str:
    """With what stands for a word whose phones were given as it was written."""
    return "".join(stretch.given[char].text if char in stretch.given else char for char in text)


def _as_written(piece: Piece, stretch: Stretch) -> Piece:
    """Words whose phones were given are called as they were written."""
    return replace(piece, words=tuple(_word(word, stretch.given) for word in piece.words))


def _word(word: WordSpan, given: Mapping[str, Given]) -> WordSpan:
    return replace(word, text=given[word.text].text) if word.text in given else word
