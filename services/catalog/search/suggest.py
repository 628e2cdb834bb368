"""Suggestions while typing: terms of the lexicon that go on, or sound, as the last word does, and names of voices."""

from __future__ import annotations

from functools import cache

from services.catalog.search.lexicon import Lexicon, Units
from services.catalog.search.phonetics import phonetics
from services.catalog.search.port import SearchIndex, Viewer
from services.catalog.search.query import joined
from services.catalog.search.tokens import fold, is_single
from services.catalog.search.words import load_words

MOST = 8
LEAST_SOUND = 3  # letters; fewer begin too many words
_NAMES = 3


def suggestions(index: SearchIndex, lexicon: Lexicon, typed: str, viewer: Viewer) -> list[str]:
    """Whole queries that begin as what was typed, at most `MOST`; none for an empty text."""
    folded = fold(typed)
    head, _, last = folded.rpartition(" ")
    last = last.strip()
    if not last:
        return []
    start = f"{head} " if head else ""
    found = [term for term in _terms(lexicon) if term.startswith(last) and term != last]
    terms = [start + term for term in dict.fromkeys([*found, *_sounding(lexicon, last)])]
    names = list(index.names(last, viewer, _NAMES)) if not head else []
    return [*terms[: MOST - len(names)], *names]


def _sounding(lexicon: Lexicon, typed: str) -> list[str]:
    """Chinese terms whose pinyin or jyutping begins so: 老年 for `laon`."""
    if len(typed) < LEAST_SOUND or not typed.isascii():
        return []
    known = phonetics(lexicon, load_words()).known
    terms = (term for sound, term in known.items() if sound.startswith(typed) and term in lexicon.terms)
    return [joined(term) for term in terms if not _made(term, lexicon)]


@cache
def _terms(lexicon: Lexicon) -> tuple[str, ...]:
    """Terms in the order of the lexicon, which names the usual word of a value first."""
    terms = (term for term in lexicon.terms if not _made(term, lexicon))
    return tuple(dict.fromkeys(joined(term) for term in terms if len(term) > 1 or not is_single(term[0])))


def _made(term: Units, lexicon: Lexicon) -> bool:
    """Whether a term is understood, but no word to propose: another with an s ("warm elderlys"), a wording, an age."""
    plural = term[-1].endswith("s") and lexicon.terms.get((*term[:-1], term[-1][:-1])) == lexicon.terms[term]
    return plural or term in lexicon.counted or term in lexicon.sayings
