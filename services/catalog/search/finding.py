"""From a text to hits: understand, plan, run."""

from __future__ import annotations

from services.catalog.search.lexicon import Lexicon
from services.catalog.search.port import Found, SearchIndex, Viewer
from services.catalog.search.query import Query, understand
from services.catalog.search.ranking import Plan, plan
from services.catalog.search.words import load_words


def prepare(lexicon: Lexicon) -> None:
    """Reads what requests are understood by, so that the first one need not wait for it; asks no index."""
    both_scripts_and_slips = understand("a voise that sings to babies 聲音 沙唖 qwyx", lexicon)
    plan(both_scripts_and_slips, lexicon, load_words(), lambda phrases: ({}, 1))


def planned(index: SearchIndex, lexicon: Lexicon, query: Query) -> Plan:
    """The plan of a query on an index."""
    return plan(query, lexicon, load_words(), index.frequencies, index.called)


def find(
    index: SearchIndex, lexicon: Lexicon, query: Query, viewer: Viewer, limit: int, order: str = "relevance"
) -> Found:
    """The best `limit` hits of a query."""
    return index.search(planned(index, lexicon, query), viewer, limit, order)
