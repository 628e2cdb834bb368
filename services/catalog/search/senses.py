"""What dictionaries say of words that nobody listed: `senses.txt.gz`, made by `tools/word_senses.py`.

A gloss is a hint and no name: what it says counts in a query only, for a word that no voice uses.
"""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from services.catalog.search.lexicon import Facet

SENSES = Path(__file__).with_name("senses.txt.gz")


@cache
def senses(path: Path = SENSES) -> Mapping[str, tuple[Facet, ...]]:
    """Words, as one writes them in lower case and simplified characters, with the facets of their glosses."""
    same: dict[str, tuple[Facet, ...]] = {}  # many words mean alike
    found = {}
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            word, _, meant = line.rstrip("\n").partition("\t")
            if meant not in same:
                same[meant] = tuple(Facet(*one.split(":", 1)) for one in meant.split(" "))
            found[word] = same[meant]
    return found
