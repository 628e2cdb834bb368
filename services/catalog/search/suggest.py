"""Suggestions while typing: terms of the lexicon that go on as the last word does, and names of voices."""

from __future__ import annotations

from functools import cache

from services.catalog.search.lexicon import Lexicon, Units
from services.catalog.search.port import SearchIndex, Viewer
from services.catalog.search.query import joined
from services.catalog.search.tokens import fold, is_single

MOST = 8
_NAMES = 3


def suggestions(index: SearchIndex, lexicon: Lexicon, typed: str, viewer: Viewer) -> list[str]:
    """Whole queries that begin as what was typed, at most `MOST`; none for an empty text."""
    folded = fold(typed)
    head, _, last = folded.rpartition(" ")
    last = last.strip()
    if not last:
        return []
    start = f"{head} " if head else ""
    terms = [start + term for term in _terms(lexicon) if term.startswith(last) and term != last]
    names = list(index.names(last, viewer, _NAMES)) if not head else []
    return [*terms[: MOST - len(names)], *names]


@cache
def _terms(lexicon: Lexicon) -> tuple[str, ...]:
    """Terms in the order of the lexicon, which names the usual word of a value first."""
    terms = (term for term in lexicon.terms if not _is_plural(term, lexicon))
    return tuple(dict.fromkeys(joined(term) for term in terms if len(term) > 1 or not is_single(term[0])))


def _is_plural(term: Units, lexicon: Lexicon) -> bool:
    """Whether a term is another with an s: understood, but no word to propose ("warm elderlys")."""
    return term[-1].endswith("s") and lexicon.terms.get((*term[:-1], term[-1][:-1])) == lexicon.terms[term]
