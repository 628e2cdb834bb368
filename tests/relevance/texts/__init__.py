"""Labelled texts: 18,500 requests and cards, each with the values that a careful reader takes from it.

Written by twelve authors (language models) who saw the names of the values and nothing of the search or of the judged
sets, each with another task: English, simplified Chinese, Taiwan's and Hong Kong's, long, mixed and slang, comparisons,
denials, short paraphrases, what is rare, cards. A line of `requests.tsv` and `cards.tsv` is the author's list, the
text, and `key:value` separated by spaces, with `-` before what is not wanted; `none` where a text tells nothing.

What they are for: measuring how well a reader understands (`python -m bench.understanding`), and teaching one. No part
of the lexicon was made from them, and none of the judged sets.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from services.catalog.search.lexicon import TOPIC, Facet

HERE = Path(__file__).parent
KEYS = ("lang", "gender", "age", "timbre", "emotion", "style", TOPIC)
KINDS = ("requests", "cards")
NOTHING = "none"


@dataclass(frozen=True)
class Text:
    """One text, with what its voice is or shall be, and what it is not or shall not be."""

    list: str
    text: str
    wanted: frozenset[Facet]
    unwanted: frozenset[Facet]


@cache
def texts(kind: str) -> tuple[Text, ...]:
    """The texts of a kind."""
    found = []
    for line in (HERE / f"{kind}.tsv").read_text(encoding="utf-8").splitlines():
        author, text, labels = line.split("\t")
        said = [label for label in labels.split() if label != NOTHING]
        wanted = frozenset(Facet(*label.split(":", 1)) for label in said if not label.startswith("-"))
        unwanted = frozenset(Facet(*label[1:].split(":", 1)) for label in said if label.startswith("-"))
        found.append(Text(author, text, wanted, unwanted))
    return tuple(found)
