"""The long list of phrases is as it says it is, and the table of sounds has all words."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from services.catalog.search.lexicon import Facet, weak
from services.catalog.search.lexicon_data import FILES, HERE, PHRASES, load
from services.catalog.search.phonetics import sounding
from services.catalog.search.query import understand
from services.catalog.search.ranking import plan
from services.catalog.search.sounds import looked_up, sounds_of, table
from services.catalog.search.tokens import fold, units
from services.catalog.search.words import load_words

LEXICON = load()
LINES = (HERE / PHRASES).read_text().splitlines()


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
    def names(phrase: str) -> bool:
        piece = units(phrase)
        parts = (piece[start:end] for start in range(len(piece)) for end in range(start + 1, len(piece) + 1))
        return any(not weak(part) and part in LEXICON.terms for part in parts)

    assert not [phrase for line in LINES if names(phrase := line.partition("\t")[0])]


@pytest.mark.parametrize("line", ["a phrase", "a phrase\t", "a phrase topic:tea", "a phrase\ttopic:tea  age:senior"])
def test_a_line_that_is_none_is_named(tmp_path: Path, line: str) -> None:
    for name in FILES:
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
