"""`python -m services.catalog.search.evaluate --records R.jsonl --queries Q.jsonl --engine URL --json`.

How well the search finds what people judged relevant: nDCG@10 (gain 2^grade - 1, discount log2(rank + 1)) and recall@50
(the share of all relevant records that are among the first 50), over all queries and by class. A plain BM25 over the
same words, characters and nothing else, is measured beside it. The records go into an index of their own at URL, which
is emptied first. Any field of a record but its id may be missing, null or empty. Exit codes: 0, or 2 with one line that
says which file, line or engine is wrong.
"""

from __future__ import annotations

import argparse
import json
import math
import sqlite3
import sys
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from services.catalog.search.finding import find
from services.catalog.search.judged import Judged, read_queries, read_records
from services.catalog.search.lexicon import Lexicon
from services.catalog.search.lexicon_data import load
from services.catalog.search.port import SearchIndex, Viewer, open_index, rebuild
from services.catalog.search.query import understand
from services.catalog.search.reading import Reader
from services.catalog.search.record import SearchRecord
from services.catalog.search.tokens import clauses, units
from services.common.errors import VoiceHubError

TOP, DEEP = 10, 50
K1, B = 1.2, 0.75


def measure(rankings: Mapping[str, Sequence[str]], queries: Sequence[Judged]) -> dict[str, Any]:
    """nDCG@10 and recall@50 of rankings (query → ids, best first), overall and by class; both 0 to 1."""
    figures: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for query in queries:
        if query.grades:
            ranked = rankings[query.id]
            figures[query.kind].append((ndcg(ranked, query.grades), recall(ranked, query.grades)))
    everything = [pair for pairs in figures.values() for pair in pairs]
    return {**_means(everything), "classes": {kind: _means(pairs) for kind, pairs in sorted(figures.items())}}


def ndcg(ranked: Sequence[str], grades: Mapping[str, float]) -> float:
    """Normalised discounted cumulative gain of the first ten."""
    ideal = _gain(sorted(grades.values(), reverse=True))
    return _gain([grades.get(id_, 0) for id_ in ranked]) / ideal


def recall(ranked: Sequence[str], grades: Mapping[str, float]) -> float:
    """The share of the relevant among the first fifty."""
    return len(set(ranked[:DEEP]) & grades.keys()) / len(grades)


def rankings(index: SearchIndex, queries: Sequence[Judged]) -> dict[str, list[str]]:
    """What the search answers."""
    lexicon = load()
    return {
        query.id: [hit.id for hit in find(index, lexicon, understand(query.text, lexicon), Viewer(), DEEP).hits]
        for query in queries
    }


def unknown(queries: Sequence[Judged], lexicon: Lexicon) -> float:
    """The share of the words of all queries that the lexicon does not know: no name, hint, topic, nor without meaning.

    Words are cut as the search cuts them, after what was typed by its sound or with a slip was read.
    """
    reader = Reader.of(lexicon)
    strange = whole = 0
    for clause in (clause for query in queries for clause in clauses(query.text)):
        mended, start = reader.mended(clause), 0
        about = {n for at, phrase in lexicon.spoken_of(mended) for n in range(at, at + len(phrase))}
        for piece, _ in lexicon.segments(mended, reader.words.han):
            whole += 1
            strange += not lexicon.knows(piece) and about.isdisjoint(range(start, start + len(piece)))
            start += len(piece)
    return round(strange / max(whole, 1), 4)


def bm25(records: Sequence[SearchRecord], queries: Sequence[Judged]) -> dict[str, list[str]]:
    """What plain BM25 answers: words and single Han characters of everything that a record says, all alike."""
    texts = [Counter(units(_everything(record))) for record in records]
    lengths = [sum(text.values()) for text in texts]
    mean = sum(lengths) / max(len(lengths), 1)
    holders: dict[str, list[int]] = defaultdict(list)
    for place, text in enumerate(texts):
        for unit in text:
            holders[unit].append(place)
    found = {}
    for query in queries:
        scores: Counter[int] = Counter()
        for unit in set(units(query.text)):
            count = len(holders[unit])
            rarity = math.log(1 + (len(texts) - count + 0.5) / (count + 0.5))
            for place in holders[unit]:
                often = texts[place][unit]
                scores[place] += rarity * often * (K1 + 1) / (often + K1 * (1 - B + B * lengths[place] / mean))  # type: ignore[assignment]
        best = sorted(scores, key=lambda place: (-scores[place], records[place].id))[:DEEP]
        found[query.id] = [records[place].id for place in best]
    return found


def _everything(record: SearchRecord) -> str:
    return " ".join((record.title, record.prose, *record.languages, record.gender, record.age, record.license))


def _gain(grades: Sequence[float]) -> float:
    return math.fsum((2.0**grade - 1) / math.log2(rank + 2) for rank, grade in enumerate(grades[:TOP]))


def _means(pairs: Sequence[tuple[float, float]]) -> dict[str, Any]:
    count = max(len(pairs), 1)
    return {
        "ndcg@10": round(sum(n for n, _ in pairs) / count, 4),
        "recall@50": round(sum(r for _, r in pairs) / count, 4),
        "queries": len(pairs),
    }


def evaluate(index: SearchIndex, records: Sequence[SearchRecord], queries: Sequence[Judged]) -> dict[str, Any]:
    """The figures of the search on an index filled with the records, with those of BM25 under `bm25`.

    `unknown` is the share of the queries' words that the lexicon does not know.
    """
    rebuild(index, records)
    found = measure(rankings(index, queries), queries)
    return {**found, "bm25": measure(bm25(records, queries), queries), "unknown": unknown(queries, load())}


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=Path, required=True)
    parser.add_argument("--queries", type=Path, required=True)
    parser.add_argument("--engine", required=True, help="sqlite:///PATH or elasticsearch://HOST:PORT/PREFIX")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    chosen = parser.parse_args(arguments)
    try:
        figures = run(chosen.records, chosen.queries, chosen.engine)
    except (OSError, ValueError, sqlite3.Error, VoiceHubError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    print(json.dumps(figures) if chosen.json else table(figures))
    return 0


def run(records: Path, queries: Path, engine: str) -> dict[str, Any]:
    """The figures of two files on an engine, which is touched only when both could be read."""
    voices, judged = read_records(records), read_queries(queries)
    known = {voice.id for voice in voices}
    lost = sorted({id_ for query in judged for id_ in query.grades} - known)
    if lost:
        sys.stderr.write(f"{len(lost)} graded ids are in no record and count as not found, e.g. {lost[0]}\n")
    index = open_index(engine)
    try:
        return evaluate(index, voices, judged)
    finally:
        index.close()


def table(figures: Mapping[str, Any]) -> str:
    """The figures for people."""
    lines = [f"{'class':<12}{'queries':>8}{'nDCG@10':>9}{'recall@50':>11}{'BM25 nDCG':>11}{'BM25 recall':>13}"]
    plain = figures["bm25"]
    rows = [*((k, v, plain["classes"][k]) for k, v in figures["classes"].items()), ("all", figures, plain)]
    for name, ours, base in rows:
        line = f"{name:<12}{ours['queries']:>8}{ours['ndcg@10']:>9.3f}{ours['recall@50']:>11.3f}"
        lines.append(f"{line}{base['ndcg@10']:>11.3f}{base['recall@50']:>13.3f}")
    return "\n".join([*lines, f"words that the lexicon does not know: {figures['unknown']:.0%}"])


if __name__ == "__main__":
    sys.exit(main())
