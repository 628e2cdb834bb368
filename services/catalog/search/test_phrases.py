"""The long list of phrases is as it says it is, and the table of sounds has all words."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from services.catalog.search.lexicon import STRONG, Facet, weak
from services.catalog.search.lexicon_data import FILES, HERE, MISLEADING, PHRASES, load
from services.catalog.search.phonetics import sounding
from services.catalog.search.query import understand
from services.catalog.search.ranking import plan
from services.catalog.search.sounds import looked_up, sounds_of, table
from services.catalog.search.tokens import fold, units
from services.catalog.search.words import load_words

LEXICON = load()
LINES = (HERE / PHRASES).read_text().splitlines()
DOUBTED = (HERE / MISLEADING).read_text().splitlines()


def test_phrases_are_folded_and_each_stands_once_in_order() -> None:
    phrases = [line.partition("\t")[0] for line in LINES]
    assert phrases == sorted(set(phrases))
    assert len(phrases) > 20_000
    text = "\n".join(LINES)
    assert fold(text) == text


def test_phrases_have_values_that_a_list_knows() -> None:
    known = {facet for facets in LEXICON.terms.values() for facet in facets}
    known |= {facet for facets in LEXICON.topics.values() for facet in facets}
    told = {value for line in LINES for value in line.partition("\t")[2].split(" ")}
    assert {Facet(*value.split(":", 1)) for value in told} <= known


def test_no_phrase_hides_a_name() -> None:
    """But for words of topics, 鱿鱼游戏 for one: no voice for games is meant, and whose voice it is stays."""

    def names(phrase: str) -> set[str]:
        piece = units(phrase)
        parts = (piece[start:end] for start in range(len(piece)) for end in range(start + 1, len(piece) + 1))
        return {facet.key for part in parts if not weak(part) for facet in LEXICON.terms.get(part, ())}

    lines = [line.partition("\t") for line in LINES]
    assert not [phrase for phrase, _, values in lines if names(phrase) and _only(values) != {"topic"}]
    assert not [phrase for phrase, _, _ in lines if names(phrase) & set(STRONG)]


def _only(values: str) -> set[str]:
    return {value.partition(":")[0] for value in values.split(" ")}


@pytest.mark.parametrize("line", ["a phrase", "a phrase\t", "a phrase topic:tea", "a phrase\ttopic:tea  age:senior"])
def test_a_line_that_is_none_is_named(tmp_path: Path, line: str) -> None:
    for name in (*FILES, MISLEADING):
        (tmp_path / name).write_bytes((HERE / name).read_bytes())
    (tmp_path / PHRASES).write_text(f"kettle\ttopic:tea\n{line}\n")
    with pytest.raises(ValueError, match="line 2: write a phrase, a tab"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("said", "value"),
    [("黄子华", "style:standup"), ("voldemort", "persona:villain"), ("魔都", "lang:wuu"), ("坐堂医", "topic:tcm")],
)
def test_people_places_and_works_make_values_likely(said: str, value: str) -> None:
    planned = plan(understand(said, LEXICON), LEXICON, load_words(), lambda phrases: ({}, 1000))
    assert Facet(*value.split(":")) in {a.facet for clause in planned.clauses for a in clause.alternatives}


def test_what_misleads_is_folded_and_each_line_takes_from_a_list_what_it_has() -> None:
    words = [line.partition("\t")[0] for line in DOUBTED]
    assert words == sorted(set(words))
    assert fold("\n".join(DOUBTED)) == "\n".join(DOUBTED)
    for word, _, values in (line.partition("\t") for line in DOUBTED):
        listed = (*LEXICON.suggests.get(units(word), ()), *LEXICON.topics.get(units(word), ()))
        assert {Facet(*value.split(":", 1)) for value in values.split(" ")} <= set(listed), word


def test_a_word_that_misleads_counts_where_somebody_asks_for_it_and_not_in_a_card() -> None:
    lanes, training = Facet("topic", "navigation"), Facet("topic", "fitness")
    assert lanes not in LEXICON.told("Wu Chinese of the Shanghai lanes")
    assert lanes in LEXICON.told("reads the satnav aloud")
    assert training not in LEXICON.told("第三版重训")
    assert training in LEXICON.told("健身房教练")
    assert units("重训") in understand("重训 女声", LEXICON).topics


def test_a_hint_at_what_is_named_adds_nothing() -> None:
    def weights(text: str) -> set[tuple[str, float]]:
        planned = plan(understand(text, LEXICON), LEXICON, load_words(), lambda phrases: ({}, 1000))
        return {(clause.label, clause.weight) for clause in planned.clauses if clause.label.endswith("(gender:male)")}

    assert weights("黄子华")
    assert not weights("黄子华 男声")


def test_the_table_has_the_sounds_of_all_words_as_the_dictionaries_say_them() -> None:
    words = sorted(set(sounding(LEXICON)))
    assert not [word for word in words if "".join(word) not in table()], "run python -m tools.word_sounds"
    chosen = random.Random(1).sample(words, 300)
    assert [sounds_of(word) for word in chosen] == [looked_up(word) for word in chosen]
    assert sounds_of(("砼", "砼")) == looked_up(("砼", "砼"))
