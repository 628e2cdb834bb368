"""Words that no list names: hints of the lexicon, glosses of dictionaries, and the sentence encoder if there is one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.catalog.search.concepts import concepts, made_by, runs_of
from services.catalog.search.finding import find
from services.catalog.search.lexicon import LOOSE, Facet, load
from services.catalog.search.port import SearchIndex, Viewer, open_index, rebuild
from services.catalog.search.query import understand
from services.catalog.search.record import SearchRecord, facets_of
from services.catalog.search.senses import senses
from services.catalog.search.sentences import encoder_version

LEXICON = load()
BASE = SearchRecord("id", "v", "fixtures", "plain", private=False, created=datetime(2026, 1, 1, tzinfo=UTC))
VOICES = [
    replace(BASE, id="named", name="named", age="senior", gender="male"),
    replace(BASE, id="hinted", name="hinted", description_en="A greybeard of the harbour."),
    replace(BASE, id="other", name="other", age="child", gender="female"),
]


@pytest.fixture
def index(tmp_path: Path) -> SearchIndex:
    made = open_index(f"sqlite:///{tmp_path / 'search.sqlite'}")
    rebuild(made, VOICES)
    return made


def ids(index: SearchIndex, text: str) -> list[str]:
    return [hit.id for hit in find(index, LEXICON, understand(text, LEXICON), Viewer(), 10).hits]


def test_a_hint_stays_text_and_finds_what_it_hints_at(index: SearchIndex) -> None:
    query = understand("greybeard", LEXICON)
    assert query.facets == frozenset()
    assert query.text == (("greybeard",),)
    assert set(ids(index, "greybeard")) == {"named", "hinted"}


def test_a_prose_that_hints_at_a_value_ranks_behind_one_that_states_it(index: SearchIndex) -> None:
    assert Facet("age", f"{LOOSE}senior") in facets_of(VOICES[1], LEXICON)
    assert ids(index, "elderly man")[:2] == ["named", "hinted"]
    assert ids(index, "age:senior gender:male") == ["named"]


def test_a_field_leaves_no_room_for_hints() -> None:
    told = facets_of(replace(VOICES[1], age="young", gender="female"), LEXICON)
    assert not any(facet.value.startswith(LOOSE) and facet.key in ("age", "gender") for facet in told)


def test_a_denied_hint_says_nothing() -> None:
    assert LEXICON.suggested("a greybeard")
    assert not LEXICON.suggested("not a greybeard")


def test_a_gloss_finds_what_a_word_means(index: SearchIndex) -> None:
    word = "superannuated"
    assert not LEXICON.knows((word,))
    assert senses()[word] == (Facet("age", "senior"),)
    assert ids(index, word)[0] == "named"


def test_no_gloss_repeats_the_lexicon() -> None:
    assert len(senses()) > 15_000
    assert not [word for word in senses() if LEXICON.knows(tuple(word.split(" ")))]


def test_an_index_says_by_which_encoder_it_was_made() -> None:
    assert made_by(LEXICON) == f"{LEXICON.digest}:{encoder_version()}"
    assert (concepts(LEXICON) is None) == (not encoder_version())


def test_runs_are_what_stands_beside_known_words() -> None:
    assert runs_of(LEXICON, "elderly man, harbour pilot, not a lighthouse keeper") == ["harbour pilot"]


def test_with_an_encoder_meanings_meet_across_languages_and_runs_are_read_as_facets() -> None:
    known = concepts(LEXICON)
    if known is None:  # the extra `meaning` is not installed, and the index says so
        assert made_by(LEXICON).endswith(":")
        return
    sought = {facet for facet, _ in known.sought("皇帝")}
    assert sought & known.filed(["emperor"])
    assert not sought & known.filed(["phone unboxing"])
    assert [facet for facet, _ in known.resembled("哭哭啼啼")] == [Facet("emotion", "sad")]
