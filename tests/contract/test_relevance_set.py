"""The judged set is fair: large, of many kinds, and not written in the words of the lexicon."""

from __future__ import annotations

from collections import Counter

from services.catalog.search.lexicon_data import load
from services.catalog.search.reading import Reader
from services.catalog.search.tokens import clauses
from tests.relevance.generate import Query, generate

KINDS = {"zh-hans", "zh-hant", "yue", "en", "mixed", "typo", "pinyin", "long", "slang"}
LEAST_UNKNOWN = 0.3


def unknown_share(queries: list[Query]) -> float:
    """The share of the words that the lexicon knows neither as a value nor as a hint at one nor as a topic.

    Words written by sound or wrongly do not count.
    """
    lexicon = load()
    reader = Reader.of(lexicon)
    plain = [query for query in queries if query.kind not in ("typo", "pinyin")]
    read = [reading for query in plain for clause in clauses(query.text) for reading in reader.read(clause)]
    return sum(not (r.facets or r.piece in lexicon.suggests or [*lexicon.spoken_of(r.piece)]) for r in read) / len(read)


def test_the_set_is_large_and_of_many_kinds() -> None:
    made = generate()
    assert len(made.records) >= 3000
    assert len(made.queries) >= 150
    for part in ("tune", "report"):
        kinds = Counter(query.kind for query in made.queries if query.part == part)
        assert kinds.keys() == KINDS
        assert min(kinds.values()) >= 5, kinds


def test_the_reporting_part_is_not_written_in_the_lexicon_s_words() -> None:
    share = unknown_share([query for query in generate().queries if query.part == "report"])
    assert share >= LEAST_UNKNOWN, share
    slang = [query for query in generate().queries if query.part == "report" and query.kind == "slang"]
    assert unknown_share(slang) >= 0.5
    print(f"{share:.2f} of the words of the reporting part are not in the lexicon")
