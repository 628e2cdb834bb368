"""`python -m bench.understanding [--list NAME]`: what the search understands of texts that it has not met.

The texts (`tests/relevance/texts/`: 18,500 requests and cards in English, Chinese and Cantonese) were written, each
with the values that a careful reader takes from it, by authors who saw the names of the values and nothing of the
search. For each kind of value are printed: how much of what the search reads is right (precision), and how much of what
is there it reads (recall); once for what it takes as named, and once with what it only guesses at (hints, topics).

A measurement of understanding alone: it has no index, no ranking, and no grades. No list of the lexicon was made from
these texts; who does that measures nothing with them any more.
"""

from __future__ import annotations

import sys

if not __package__:
    sys.path[0] += "/.."  # Run as a file: beside it, operator.py would stand for Python's own.

import argparse
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from services.catalog.search.lexicon import Facet, Lexicon
from services.catalog.search.lexicon_data import load
from services.catalog.search.query import understand
from tests.relevance.texts import KEYS, Text, texts

DENIED = "denied"


@dataclass(frozen=True)
class Understood:
    """What was read from a text: as named, with guesses, and as not wanted."""

    named: frozenset[Facet]
    guessed: frozenset[Facet]
    denied: frozenset[Facet] | None  # None: this kind of text is not read for it


def of_request(text: str, lexicon: Lexicon) -> Understood:
    """What a query asks for."""
    query = understand(text, lexicon)
    hinted = {facet for piece in query.text for facet in lexicon.suggests.get(piece, ())}
    topics = {facet for phrase in query.topics for facet in lexicon.topics[phrase]}
    return Understood(query.facets, query.facets | hinted | topics, query.without)


def of_card(text: str, lexicon: Lexicon) -> Understood:
    """What a description tells of its voice, where no field says anything."""
    named = lexicon.facets(text)
    return Understood(named, named | lexicon.suggested(text) | lexicon.told(text), None)


READERS: Mapping[str, Callable[[str, Lexicon], Understood]] = {"requests": of_request, "cards": of_card}


def counted(read: Iterable[tuple[frozenset[Facet], frozenset[Facet]]]) -> dict[str, tuple[int, int, int]]:
    """For each kind of value: how many were read, how many of those are right, and how many there are."""
    found, right, there = Counter[str](), Counter[str](), Counter[str]()
    for seen, true in read:
        for facets, counts in ((seen, found), (seen & true, right), (true, there)):
            counts.update(facet.key for facet in facets)
    return {key: (found[key], right[key], there[key]) for key in KEYS if there[key]}


def table(title: str, columns: Sequence[dict[str, tuple[int, int, int]]]) -> str:
    """Precision and recall of each column, for people."""
    lines = [f"{title:<12}{'there':>8}" + f"{'precision':>12}{'recall':>8}" * len(columns)]
    for key in columns[0]:
        cells = "".join(_cell(*column[key]) for column in columns)
        lines.append(f"{key:<12}{columns[0][key][2]:>8}{cells}")
    return "\n".join(lines)


def _cell(found: int, right: int, there: int) -> str:
    return f"{right / max(found, 1):>12.2f}{right / max(there, 1):>8.2f}"


def measured(chosen: Sequence[Text], read: Callable[[str, Lexicon], Understood], title: str) -> str:
    """The table of one kind of text: named, with guesses, and (all kinds together) denied."""
    lexicon = load()
    understood = [(read(text.text, lexicon), text) for text in chosen]
    named = counted((u.named, t.wanted) for u, t in understood)
    guessed = counted((u.guessed, t.wanted) for u, t in understood)
    lines = [table(title, [named, guessed])]
    denials = [_denials(u.denied, t.unwanted) for u, t in understood if u.denied is not None]
    if denials:
        found, right, there = map(sum, zip(*denials, strict=True))
        lines.append(f"{DENIED:<12}{there:>8}{_cell(found, right, there)}")
    return "\n".join(lines)


def _denials(read: frozenset[Facet], unwanted: frozenset[Facet]) -> tuple[int, int, int]:
    known = frozenset(facet for facet in read if facet.key in KEYS)
    return len(known), len(known & unwanted), len(unwanted)


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", help="only the texts of one author's list, e.g. en1")
    chosen = parser.parse_args().list
    sys.stdout.write("first pair: what is named; second pair: with what is guessed\n")
    for kind, read in READERS.items():
        of_kind = [text for text in texts(kind) if chosen in (None, text.list)]
        if of_kind:
            sys.stdout.write(f"\n{measured(of_kind, read, kind)}\n")


if __name__ == "__main__":
    main()
