"""Words that no list names: hints and topics of the lexicon, and glosses of dictionaries."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.catalog.search.finding import find
from services.catalog.search.lexicon import LOOSE, Facet
from services.catalog.search.lexicon_data import load
from services.catalog.search.meaning import meanings
from services.catalog.search.port import SearchIndex, Viewer, open_index, rebuild
from services.catalog.search.query import understand
from services.catalog.search.reading import Reader
from services.catalog.search.record import SearchRecord, facets_of
from services.catalog.search.senses import senses
from services.catalog.search.tokens import units
from services.catalog.search.words import load_words

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


def test_what_is_not_wanted_is_not_found_by_a_hint_either(index: SearchIndex) -> None:
    assert "hinted" in ids(index, "male")
    assert "hinted" not in ids(index, "male, not elderly")


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


def test_a_gloss_tells_what_a_word_speaks_of(index: SearchIndex) -> None:
    assert not [*LEXICON.spoken_of(("scrummage",))]
    assert {facet.key for facet in senses()["scrummage"]} == {"topic"}


def test_a_finer_value_is_found_by_its_own_label_first_and_then_by_the_coarser_one(index: SearchIndex) -> None:
    rebuild(index, [replace(BASE, id=name, name=name, emotions=(name,)) for name in ("happy", "serious", "cold")])
    assert ids(index, "冷冰冰")[:2] == ["cold", "serious"]


def test_no_gloss_repeats_the_lexicon() -> None:
    assert len(senses()) > 15_000
    assert not [word for word in senses() if LEXICON.knows(tuple(word.split(" ")))]


def test_a_topic_is_found_by_other_words_in_the_other_language(index: SearchIndex) -> None:
    intrigue = replace(BASE, id="intrigue", name="intrigue", description_en="Palace intrigue.")
    rebuild(index, [*VOICES, intrigue, replace(BASE, id="denied", name="denied", description_en="Never imperial.")])
    assert ids(index, "宫斗剧")[:1] == ids(index, "costume drama")[:1] == ["intrigue"]
    assert "denied" not in ids(index, "宫斗剧")


def test_a_word_for_a_topic_is_found_inside_of_a_longer_one_and_counts_once() -> None:
    query = understand("足球赛事解说", LEXICON)
    assert {f for phrase in query.topics for f in LEXICON.topics[phrase]} == {
        Facet("topic", "football"),
        Facet("topic", "sports"),
    }
    assert understand("training data", LEXICON).topics == ()


@pytest.mark.parametrize(
    "prose", ["nobody can tell whether it is a man or a woman", "电话里分不清是先生还是女士", "冇人分到我係男定女"]
)
def test_a_prose_that_leaves_the_gender_open_has_neither(prose: str) -> None:
    assert {facet.value for facet in LEXICON.facets(prose) if facet.key == "gender"} == {"neutral"}


@pytest.mark.parametrize(
    "prose", ["七十岁的奶奶，每晚给孩子讲故事", "八十歲老婆婆，夜晚講故事畀細路聽", "an old lady, reads to children"]
)
def test_who_listens_is_not_who_speaks(prose: str) -> None:
    assert {facet.value for facet in LEXICON.facets(prose) if facet.key == "age"} == {"senior"}


def test_who_is_denied_by_nobody_is_not_said() -> None:
    assert Facet("timbre", "magnetic") in LEXICON.facets("velvet")
    assert Facet("timbre", "magnetic") not in LEXICON.facets("nobody would say velvet")


def test_a_text_is_cut_so_that_least_is_left_over() -> None:
    words = frozenset({("大", "夫"), ("女", "大")})
    assert [piece for piece, _ in LEXICON.segments(tuple("女大夫"), words)] == [("女",), ("大", "夫")]


def test_a_correct_word_that_no_voice_says_may_be_a_slip(index: SearchIndex) -> None:
    rebuild(index, [*VOICES, replace(BASE, id="warm", name="warm", timbres=("warm",))])
    assert ids(index, "worm")[0] == "warm"
    rebuild(index, [*VOICES, replace(BASE, id="warm", timbres=("warm",)), replace(BASE, id="w", name="worm")])
    assert ids(index, "worm")[0] == "w"


@pytest.mark.parametrize(
    ("prose", "key", "values"),
    [
        ("本人女，二十六，幼师", "age", {"young"}),
        ("我今年七十三，孙子都上大学了", "age", {"senior"}),
        ("she was eighty", "age", {"senior"}),
        ("我四十八了，两个娃的爹", "age", {"middle"}),
        ("样本三十条", "age", set()),
        ("本人女，二十六", "gender", {"female"}),
        ("she was eighty", "gender", {"female"}),
        ("男女老少都爱听", "gender", set()),
        ("Japanese is my mother tongue", "gender", set()),
        ("嗓子是哑的", "timbre", {"hoarse"}),
        ("穿过暖和的沙漠", "timbre", set()),
        ("别人都说很沙哑", "timbre", {"hoarse"}),
        ("接过不少广告", "style", {"advertising"}),
    ],
)
def test_what_a_prose_says_in_passing(prose: str, key: str, values: set[str]) -> None:
    assert {facet.value for facet in LEXICON.facets(prose) if facet.key == key} == values


def test_a_topic_is_not_made_of_the_end_of_one_word_and_the_beginning_of_another() -> None:
    assert understand("语气温和", LEXICON).topics == ()
    assert understand("明日气温", LEXICON).topics != ()


def test_inflected_words_are_right() -> None:
    assert [reading.piece for reading in Reader.of(LEXICON).read(("slays",))] == [("slays",)]


@pytest.mark.parametrize(
    ("text", "denied"),
    [
        ("不要沙哑 男声", {"hoarse"}),
        ("not hoarse, deep male", {"hoarse"}),
        ("not hoarse or elderly, English", {"hoarse", "senior"}),
        ("不要沙哑低沉的男声", {"hoarse", "deep"}),
    ],
)
def test_a_denial_ends_with_what_is_denied(text: str, denied: set[str]) -> None:
    query = understand(text, LEXICON)
    assert {facet.value for facet in query.without} == denied
    assert query.facets


def test_a_denial_ends_before_what_it_is_said_of() -> None:
    assert Facet("gender", "female") in understand("不带口音的女声", LEXICON).facets
    assert Facet("timbre", "hoarse") in understand("不要沙哑的女声", LEXICON).without


def test_a_feeling_said_twice_is_that_feeling() -> None:
    assert Facet("emotion", "happy") in understand("开开心心", LEXICON).facets


def test_a_short_name_is_no_slip_for_a_rare_word() -> None:
    assert understand("loki", LEXICON).facets == frozenset()


@pytest.mark.parametrize("text", ["a man around fifty", "woman in her forties", "年近五十", "50多岁", "五十上下"])
def test_round_ages_are_ages(text: str) -> None:
    assert Facet("age", "middle") in understand(text, LEXICON).facets


@pytest.mark.parametrize(
    ("text", "age", "gender"),
    [
        ("barrister in his forties", "middle", "male"),
        ("a nurse in her late twenties", "young", "female"),
        ("somebody in their forties", "middle", ""),
    ],
)
def test_whose_years_they_are_tells_a_gender(text: str, age: str, gender: str) -> None:
    found = {facet.key: facet.value for facet in understand(text, LEXICON).facets}
    assert (found["age"], found.get("gender", "")) == (age, gender)


@pytest.mark.parametrize(
    ("text", "facet"),
    [
        ("糖浆里泡过的桃子", Facet("timbre", "sweet")),
        ("drowned in maple fudge", Facet("timbre", "sweet")),
        ("吞了一筐木炭渣", Facet("timbre", "hoarse")),
    ],
)
def test_what_nobody_listed_is_guessed_by_its_parts(text: str, facet: Facet) -> None:
    assert not LEXICON.knows(units(text))
    assert max(meanings(load_words()).near(units(text)), key=lambda told: told[1])[0] == facet


def test_what_says_nothing_of_a_voice_is_not_guessed_at() -> None:
    assert not meanings(load_words()).near(units("周五下午的仓库盘点"))


def test_a_hint_may_be_typed_by_its_sound() -> None:
    assert understand("bingqilin", LEXICON).text == (tuple("冰淇淋"),)
