"""Which parts of what a voice says of itself answer a query."""

from __future__ import annotations

import re
from collections.abc import Sequence

from services.catalog.search.lexicon import Lexicon, Units
from services.catalog.search.query import Query, joined
from services.catalog.search.tokens import fold, stems, units

_STATEMENT = re.compile(r"[^,;.!?|，。；！？\n]+")
MOST = 4


def highlights(query: Query, lexicon: Lexicon, texts: Sequence[str]) -> list[str]:
    """The words of the texts that made the voice a hit, as they stand there, each once, at most `MOST`."""
    wanted = query.facets
    phrases = [stems(piece) for piece in (*query.text, *query.phrases, *(typed for typed, _ in query.typed))]
    found: dict[str, None] = {}
    for statement in (match[0] for text in texts for match in _STATEMENT.finditer(text)):
        for piece, facets, denied in lexicon.readings(units(statement)):
            if not denied and wanted.intersection(facets):
                found[_as_written(statement, piece)] = None
        told = " ".join(stems(units(statement)))
        found |= {statement.strip(): None for phrase in phrases if f" {' '.join(phrase)} " in f" {told} "}
    return list(found)[:MOST]


def _as_written(statement: str, piece: Units) -> str:
    """The piece as the statement spells it, if folding left its length as it was; else folded."""
    word, folded = joined(piece), fold(statement)
    place = folded.find(word)
    return statement[place : place + len(word)] if place >= 0 and len(folded) == len(statement) else word
