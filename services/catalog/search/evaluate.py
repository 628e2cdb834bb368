"""`python -m services.catalog.search.evaluate --records R.jsonl --queries Q.jsonl --engine URL --json`.

How well the search finds what people judged relevant: nDCG@10 (gain 2^grade - 1, discount log2(rank + 1)) and recall@50
(the share of all relevant records that are among the first 50), over all queries and by class. A plain BM25 over the
same words, characters and nothing else, is measured beside it. The records go into an index of their own at URL, which
is emptied first. Any field of a record may be missing, null or empty.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from services.catalog.search.finding import find
from services.catalog.search.lexicon import Lexicon
from services.catalog.search.lexicon_data import load
from services.catalog.search.port import SearchIndex, Viewer, open_index, rebuild
from services.catalog.search.query import understand
from services.catalog.search.reading import Reader
from services.catalog.search.record import SearchRecord
from services.catalog.search.tokens import clauses, units

TOP, DEEP = 10, 50
K1, B = 1.2, 0.75
_UNDATED = datetime(2025, 1, 1, tzinfo=UTC)
_SPLIT = re.compile(r"[,;|、，；]")


@dataclass(frozen=True)
class Judged:
    """A query with the grades (1 to 3) of the records that are relevant to it."""

    id: str
    text: str
    kind: str
    grades: Mapping[str, int]


def read_records(path: Path) -> list[SearchRecord]:
    """The records of a JSON lines file."""
    raw = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    parents = {str(one["id"]): _text(one.get("fork_of")) for one in raw}
    return [record(one, _root(str(one["id"]), parents)) for one in raw]


def read_queries(path: Path) -> list[Judged]:
    """The judged queries of a JSON lines file."""
    raw = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [
        Judged(
            str(one["id"]),
            _text(one.get("text")),
            _text(one.get("class")) or "all",
            {str(id_): int(grade) for id_, grade in (one.get("relevant") or {}).items() if int(grade) > 0},
        )
        for one in raw
    ]


def measure(rankings: Mapping[str, Sequence[str]], queries: Sequence[Judged]) -> dict[str, Any]:
    """nDCG@10 and recall@50 of rankings (query → ids, best first), overall and by class; both 0 to 1."""
    figures: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for query in queries:
        if query.grades:
            ranked = rankings[query.id]
            figures[query.kind].append((ndcg(ranked, query.grades), recall(ranked, query.grades)))
    everything = [pair for pairs in figures.values() for pair in pairs]
    return {**_means(everything), "classes": {kind: _means(pairs) for kind, pairs in sorted(figures.items())}}


def ndcg(ranked: Sequence[str], grades: Mapping[str, int]) -> float:
    """Normalised discounted cumulative gain of the first ten."""
    ideal = _gain(sorted(grades.values(), reverse=True))
    return _gain([grades.get(id_, 0) for id_ in ranked]) / ideal


def recall(ranked: Sequence[str], grades: Mapping[str, int]) -> float:
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


def record(raw: Mapping[str, Any], root: str) -> SearchRecord:
    """A record of the set; `root` is the id at the root of its forks."""
    language = raw.get("language") or raw.get("languages")
    return SearchRecord(
        id=str(raw["id"]),
        version=str(raw["id"]),
        owner=_text(raw.get("owner")),
        name=_text(raw.get("name")),
        private=False,
        created=_date(raw.get("created")),
        description_zh=_text(raw.get("description_zh")),
        description_en=_text(raw.get("description_en")),
        tags=_texts(raw.get("tags")),
        languages=_texts(language),
        gender=_text(raw.get("gender")),
        age=_text(raw.get("age")),
        persona=_text(raw.get("persona")),
        emotions=_texts(raw.get("emotions")),
        styles=_texts(raw.get("styles")),
        timbres=_texts(raw.get("timbres")),
        license=_text(raw.get("license")),
        mos=_number(raw.get("mos")),
        stars=int(_number(raw.get("stars")) or 0),
        downloads=int(_number(raw.get("downloads")) or 0),
        family=root,
    )


def _root(id_: str, parents: Mapping[str, str]) -> str:
    seen = {id_}
    while (parent := parents.get(id_, "")) and parent not in seen:
        id_ = parent
        seen.add(id_)
    return id_


def _text(value: object) -> str:
    return "" if value is None else str(value).strip()


def _texts(value: object) -> tuple[str, ...]:
    values = value if isinstance(value, list | tuple) else _SPLIT.split(_text(value))
    return tuple(text for one in values if (text := _text(one)))


def _number(value: object) -> float | None:
    try:
        number = float(_text(value))
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _date(value: object) -> datetime:
    try:
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value, UTC)
        date = datetime.fromisoformat(_text(value))
    except (ValueError, OverflowError, OSError):
        return _UNDATED
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def _everything(record: SearchRecord) -> str:
    return " ".join((record.title, record.prose, *record.languages, record.gender, record.age, record.license))


def _gain(grades: Sequence[int]) -> float:
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
    index = open_index(chosen.engine)
    try:
        figures = evaluate(index, read_records(chosen.records), read_queries(chosen.queries))
    finally:
        index.close()
    print(json.dumps(figures, ensure_ascii=False) if chosen.json else table(figures))
    return 0


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
