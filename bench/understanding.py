"""`python -m bench.understanding [--list NAME ...] [--model FILE]`: what the search understands of whole texts.

The texts (`tests/relevance/texts/`: 18,500 requests and cards in English, Chinese and Cantonese) were written, each
with the values that a careful reader takes from it, by authors who saw the names of the values and nothing of the
search. For each kind of value are printed: how much of what the search reads is right (precision), and how much of what
is there it reads (recall); once for what it takes as named, and once with what it only guesses at (hints, topics).

A measurement of understanding alone: it has no index, no ranking, and no grades. No list of the lexicon was made from
these texts; who does that measures nothing with them any more. The model of requests (`intent.onnx`) has learnt them
all: `--model` prints beside the lists what another one tells, that was taught without the authors of `--list`
(`tools.intent.teach --hold-out`, `tools.intent.pack --to FILE`).
"""

from __future__ import annotations

import sys

if not __package__:
    sys.path[0] += "/.."  # Run as a file: beside it, operator.py would stand for Python's own.

import argparse
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from services.catalog.search.intent import IntentModel
from services.catalog.search.lexicon import Facet, Lexicon
from services.catalog.search.lexicon_data import load
from services.catalog.search.query import understand
from services.catalog.search.tokens import fold
from tests.relevance.texts import KEYS, Text, texts

DENIED = "denied"
SURE = 0.4  # probability of a value that is taken as read


@dataclass(frozen=True)
class Understood:
    """What was read from a text: as named, with what single words make likely, and as not wanted."""

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


def of_model(text: str, model: IntentModel) -> Understood:
    """What a model tells of a text."""
    told = model.read(fold(text))
    wanted, denied = ({f for f, share in side.items() if share >= SURE} for side in (told.wanted, told.denied))
    return Understood(frozenset(wanted), frozenset(wanted), frozenset(denied))


def measured(
    chosen: Sequence[Text], read: Callable[[str, Lexicon], Understood], title: str, model: IntentModel | None = None
) -> str:
    """The table of one kind of text: named, with guesses, and by the model; and (all kinds together) denied."""
    lexicon = load()
    understood = [(read(text.text, lexicon), text) for text in chosen]
    columns = [
        counted((u.named, t.wanted) for u, t in understood),
        counted((u.guessed, t.wanted) for u, t in understood),
    ]
    readers = [understood]
    if model:
        told = [(of_model(text.text, model), text) for text in chosen]
        columns.append(counted((u.named, t.wanted) for u, t in told))
        readers.append(told)
    lines = [table(title, columns)]
    for name, pairs in zip(("", "by the model"), readers, strict=False):
        denials = [_denials(u.denied, t.unwanted) for u, t in pairs if u.denied is not None]
        if denials:
            found, right, there = map(sum, zip(*denials, strict=True))
            lines.append(f"{DENIED:<12}{there:>8}{_cell(found, right, there)} {name}".rstrip())
    return "\n".join(lines)


def _denials(read: frozenset[Facet], unwanted: frozenset[Facet]) -> tuple[int, int, int]:
    known = frozenset(facet for facet in read if facet.key in KEYS)
    return len(known), len(known & unwanted), len(unwanted)


def main() -> None:
    """Prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", nargs="*", default=[], help="only the texts of these authors' lists, e.g. en1")
    parser.add_argument("--model", type=Path, help="a file of tools.intent.pack")
    chosen = parser.parse_args()
    authors = {text.list for kind in READERS for text in texts(kind)}
    if unknown := set(chosen.list) - authors:
        parser.error(f"no texts are by {', '.join(sorted(unknown))}, but by {', '.join(sorted(authors))}")
    try:
        model = IntentModel(chosen.model) if chosen.model else None
    except ValueError as error:
        parser.error(str(error))
    third = "; third: by the model" if model else ""
    sys.stdout.write(f"first pair: what is named; second pair: with what single words make likely{third}\n")
    for kind, read in READERS.items():
        of_kind = [text for text in texts(kind) if not chosen.list or text.list in chosen.list]
        if of_kind:
            sys.stdout.write(f"\n{measured(of_kind, read, kind, model)}\n")


if __name__ == "__main__":
    main()
