"""Which voices a query means, decided by the tables alone: no index, no ranking, the same on every engine."""

from __future__ import annotations

import operator
from itertools import groupby

from services.catalog.search.lexicon import Lexicon, Units
from services.catalog.search.query import ALTERNATIVES, Bound, Query
from services.catalog.search.record import SearchRecord, facets_of, text_of
from services.catalog.search.tokens import stems

_OPERATORS = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt, "=": operator.eq}


def matches(record: SearchRecord, query: Query, lexicon: Lexicon) -> bool:
    """Whether the voice has all that is asked for.

    That is every facet (one of those that are alternatives), every bound, every quoted phrase, one of the other words,
    and nothing of what is not wanted; a word that was read as another counts as it was typed, too.
    """
    facets, text = facets_of(record, lexicon), f" {text_of(record)} "
    called = {facet for typed, meant in query.typed if _says(text, typed) for facet in meant}
    wanted = sorted(query.facets)
    for key, group in groupby(wanted, key=lambda facet: facet.key):
        has = [facet in facets or facet in called for facet in group]
        if not (any(has) if key in ALTERNATIVES | query.either else all(has)):
            return False
    if query.without & facets or any(kind.facets <= facets for kind in query.without_kinds):
        return False
    if not all(_holds(record, bound) for bound in query.bounds):
        return False
    if not all(_says(text, phrase) for phrase in query.phrases):
        return False
    if any(_says(text, phrase) for phrase in query.without_text):
        return False
    words = (*query.text, *(typed for typed, meant in query.typed if not meant)) if query.text else ()
    return not words or any(_says(text, phrase) for phrase in words)


def _says(text: str, phrase: Units) -> bool:
    return f" {' '.join(stems(phrase))} " in text


def _holds(record: SearchRecord, bound: Bound) -> bool:
    value = {"stars": record.stars, "downloads": record.downloads, "mos": record.mos}[bound.name]
    return bound.negated != (value is not None and _OPERATORS[bound.operator](value, bound.value))
