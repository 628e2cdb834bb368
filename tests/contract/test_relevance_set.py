"""The judged sets are fair: large, of many kinds, and not written in the words of the lexicon."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import yaml
from opencc import OpenCC

from services.catalog.search.lexicon import Lexicon
from services.catalog.search.lexicon_data import load
from services.catalog.search.reading import Reader
from services.catalog.search.tokens import clauses
from tests.relevance.generate import HERE, Query, generate
from tests.relevance.texts import KEYS, texts
from tests.relevance.texts import KINDS as TEXT_KINDS

KINDS = {"zh-hans", "zh-hant", "yue", "en", "mixed", "typo", "pinyin", "long", "slang"}
NAMES = ("", "other_", "third_")
PARTS = ("tune", "report")
LEAST_UNKNOWN = 0.3


def unknown_share(queries: list[Query], lexicon: Lexicon) -> float:
    """The share of the words that the lexicon knows neither as a value nor as a hint at one nor as a topic.

    Words written by sound or wrongly do not count.
    """
    reader = Reader.of(lexicon)
    plain = [query for query in queries if query.kind not in ("typo", "pinyin")]
    read = [reading for query in plain for clause in clauses(query.text) for reading in reader.read(clause)]
    return sum(not (r.facets or r.piece in lexicon.suggests or [*lexicon.spoken_of(r.piece)]) for r in read) / len(read)


@pytest.mark.parametrize("name", NAMES)
def test_the_set_is_large_and_of_many_kinds(name: str) -> None:
    made = generate(name)
    assert len(made.records) >= 3000
    assert len(made.queries) >= 150
    for part in PARTS:
        kinds = Counter(query.kind for query in made.queries if query.part == part)
        assert kinds.keys() == KINDS
        assert min(kinds.values()) >= 5, kinds


def test_the_set_is_the_same_bytes_every_time(tmp_path: Path) -> None:
    """In a process of its own, where words hash otherwise."""
    command = [sys.executable, "-m", "tests.relevance.generate", str(tmp_path / "there"), "third_"]
    subprocess.run(command, check=True, env=os.environ | {"PYTHONHASHSEED": "7"})
    for part in PARTS:
        generate("third_").write(tmp_path / "here", part)
    there = {path.name: path.read_bytes() for path in (tmp_path / "there").iterdir()}
    assert there.keys() == {"records.jsonl", "queries-tune.jsonl", "queries-report.jsonl"}
    assert there == {path.name: path.read_bytes() for path in (tmp_path / "here").iterdir()}


def words(query: Query) -> frozenset[str]:
    """The words of a request, whatever their order and script."""
    return frozenset(OpenCC("t2s").convert(query.text.lower()).split())


def test_the_parts_of_the_third_set_share_no_request_and_no_topic() -> None:
    """One intent in several scripts stands in one part, so that tuning on it tells nothing of the other."""
    tune, report = ([query for query in generate("third_").queries if query.part == part] for part in PARTS)
    assert not {words(query) for query in tune} & {words(query) for query in report}
    assert not topics(tune) & topics(report)
    assert min(len(topics(tune)), len(topics(report))) >= 10


def topics(queries: list[Query]) -> set[str]:
    """What the requests want to be spoken of."""
    return {value for query in queries for key, value in query.facts if key == "topic"}


@pytest.mark.parametrize("name", NAMES)
def test_every_fact_that_is_asked_for_is_one_that_voices_have(name: str) -> None:
    """A misspelt fact would only lower grades, and nobody would see it."""
    prose = yaml.safe_load((HERE / f"{name}prose.yaml").read_text(encoding="utf-8"))
    known = {(key, value) for key in ("lang", "timbre", "style", "emotion", "topic") for value in prose[key]}
    known |= {fact for person in prose["person"] for fact in zip(("gender", "age"), person.split("-"), strict=True)}
    asked = {fact for query in generate(name).queries for fact in query.facts}
    assert asked <= known


def test_the_reporting_part_is_not_written_in_the_lexicon_s_words() -> None:
    """In those of its lists: of the first set the phrases, written without a look at it, know more."""
    lists = load(with_phrases=False)
    share = unknown_share([query for query in generate().queries if query.part == "report"], lists)
    assert share >= LEAST_UNKNOWN, share
    slang = [query for query in generate().queries if query.part == "report" and query.kind == "slang"]
    assert unknown_share(slang, lists) >= 0.5
    print(f"{share:.2f} of the words of the reporting part are not in the lexicon's lists")


def test_the_reporting_part_of_the_third_set_is_not_written_in_the_phrases_either() -> None:
    share = unknown_share([query for query in generate("third_").queries if query.part == "report"], load())
    assert share >= LEAST_UNKNOWN, share


def test_the_labelled_texts_say_only_known_values_and_no_judged_query() -> None:
    """A label that the lexicon does not have could never be read, and a judged query must not be learnt from."""
    lexicon = load()
    lists = (lexicon.terms, lexicon.suggests, lexicon.topics)
    known = {facet for words in lists for facets in words.values() for facet in facets}
    written = [text for kind in TEXT_KINDS for text in texts(kind)]
    labels = {facet for text in written for facet in text.wanted | text.unwanted}
    assert labels <= known, labels - known
    assert {facet.key for facet in labels} == set(KEYS)
    assert not [text.text for text in written if text.wanted & text.unwanted]
    said = Counter(text.text for text in written)
    assert len(said) == len(written) > 18_000
    judged = {query.text for name in (*NAMES, "fourth_") for query in generate(name).queries}
    assert not judged & said.keys()
