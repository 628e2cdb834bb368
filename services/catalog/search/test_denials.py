"""What a query denies, and whose facts it names in passing."""

from __future__ import annotations

import pytest

from services.catalog.search.lexicon import Facet
from services.catalog.search.lexicon_data import load
from services.catalog.search.query import Query, understand

LEXICON = load()


def values(query: Query) -> tuple[set[str], set[str]]:
    """What is wanted and what is not."""
    return {facet.value for facet in query.facets}, {facet.value for facet in query.without}


@pytest.mark.parametrize(
    ("text", "wanted", "unwanted"),
    [
        ("别太欢快也别太温柔 男声", {"male"}, {"happy", "gentle"}),
        ("唔好沙哑 女声", {"female"}, {"hoarse"}),
        ("male, nothing like hoarse", {"male"}, {"hoarse"}),
        ("anyone but the elderly, male", {"male"}, {"senior"}),
        ("deep, except hoarse", {"deep"}, {"hoarse"}),
        ("I hate whispery ASMR stuff", set(), {"whisper", "asmr"}),
        ("I can't stand hoarse voices", set(), {"hoarse"}),
        ("she cannot be old", {"female"}, {"senior"}),
        ("讨厌沙哑的声音，要男声", {"male"}, {"hoarse"}),
        ("最受不了沙哑 男声", {"male"}, {"hoarse"}),
        ("我憎沙啞，要女聲", {"female"}, {"hoarse"}),
    ],
)
def test_signs_of_denial(text: str, wanted: set[str], unwanted: set[str]) -> None:
    assert values(understand(text, LEXICON)) == (wanted, unwanted)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("the villain you love to hate", {"villain"}),
        ("让人讨厌的反派", {"villain"}),
        ("讨厌鬼 女声", {"female"}),
        ("甜到受不了的女声", {"sweet", "female"}),
        ("温柔得让人受不了", {"gentle"}),
        ("不讨厌的女声", {"female"}),
    ],
)
def test_what_is_hated_by_others_is_asked_for(text: str, wanted: set[str]) -> None:
    assert values(understand(text, LEXICON)) == (wanted, set())


@pytest.mark.parametrize(
    ("text", "wanted", "unwanted"),
    [
        ("男 老年人除外", {"male"}, {"senior"}),
        ("男 老年人 除外", {"male"}, {"senior"}),
        ("老年人和小孩除外 女", {"female"}, {"senior", "child"}),
        ("小孩不要 女声", {"female"}, {"child"}),
        ("male, elderly excluded", {"male"}, {"senior"}),
    ],
)
def test_a_refusal_denies_what_stands_before_it(text: str, wanted: set[str], unwanted: set[str]) -> None:
    assert values(understand(text, LEXICON)) == (wanted, unwanted)


@pytest.mark.parametrize(
    ("text", "wanted", "unwanted"),
    [
        ("不带口音 女声", {"female"}, set()),
        ("不要 沙哑 男声", {"male"}, {"hoarse"}),
        ("不要沙哑 或 低沉", set(), {"hoarse", "deep"}),
        ("不想找沙哑的", set(), {"hoarse"}),
    ],
)
def test_a_space_between_han_characters_ends_a_denial_that_has_an_object(
    text: str, wanted: set[str], unwanted: set[str]
) -> None:
    assert values(understand(text, LEXICON)) == (wanted, unwanted)


@pytest.mark.parametrize(
    ("text", "wanted", "unwanted"),
    [
        ("除了男声都行", set(), {"male"}),
        ("除男声以外", set(), {"male"}),
        ("除咗男仔", set(), {"male"}),
        ("除開男聲", set(), {"male"}),
        ("粤语，除了小孩，其他都可以", {"yue"}, {"child"}),
        ("女声 除咗老人家乜都得", {"female"}, {"senior"}),
        ("老年人除外", set(), {"senior"}),
        ("除了男声还要女声", {"male", "female"}, set()),
        ("除了普通话之外，还会粤语", {"zh", "yue"}, set()),
    ],
)
def test_an_exception_is_a_denial_and_besides_is_none(text: str, wanted: set[str], unwanted: set[str]) -> None:
    query = understand(text, LEXICON)
    assert (*values(query), query.text) == (wanted, unwanted, ())


@pytest.mark.parametrize(
    ("text", "wanted", "unwanted"),
    [
        ("-nanxing", set(), {"male"}),
        ("-laonian 女声", {"female"}, {"senior"}),
        ("-hoarce", set(), {"hoarse"}),
        ("a non-elderly woman", {"female"}, {"senior"}),
        ("non-hoarse", set(), {"hoarse"}),
        ("non-commercial", {"no"}, set()),
        ("non-binary", {"neutral"}, set()),
    ],
)
def test_a_minus_and_non_deny_what_the_word_says_without_them(
    text: str, wanted: set[str], unwanted: set[str]
) -> None:
    query = understand(text, LEXICON)
    assert (*values(query), query.without_text) == (wanted, unwanted, ())


@pytest.mark.parametrize("text", ["-老年男性", "-老奶奶", "-粤语男声", "-elderly-male"])
def test_a_minus_before_several_names_excludes_what_has_all_of_them(text: str) -> None:
    query = understand(text, LEXICON)
    assert (query.without, query.without_text, len(query.without_kinds)) == (frozenset(), (), 1)
    assert [chip.value for chip in query.chips] == [text]
    assert len(query.without_kinds[0].facets) == 2
    assert understand(understand(f"沙哑 {text}", LEXICON).chips[0].without, LEXICON) == query


def test_a_quoted_phrase_is_excluded_as_it_is_written() -> None:
    assert understand('-"老年男性"', LEXICON).without_text == (tuple("老年男性"),)


def test_a_denied_topic_is_none_and_a_wish_ends_a_denial() -> None:
    assert understand("不要足球要篮球", LEXICON).topics == (tuple("篮球"),)
    assert understand("not about football", LEXICON).topics == ()


def test_a_denied_hint_is_not_wanted() -> None:
    query = understand("a lady who never loses her temper", LEXICON)
    assert ("loses", "her", "temper") in LEXICON.suggests
    assert ("loses", "her", "temper") not in query.text
    assert Facet("emotion", "angry") in query.without


def test_a_denied_word_that_nobody_knows_is_not_wanted() -> None:
    assert ("wobbly",) not in understand("not wobbly, male", LEXICON).text


def test_a_word_with_a_sign_of_denial_inside_denies_nothing() -> None:
    assert understand("女声 与众不同", LEXICON).without == frozenset()


@pytest.mark.parametrize(
    "text",
    [
        "我家宝宝三个月大，想找一个像外婆那样的女声",
        "my baby is two, looking for a grandmother",
        "给华人小孩听的节目，希望找一位婆婆",
    ],
)
def test_whom_a_statement_that_seeks_names_goes_before_others(text: str) -> None:
    assert {f.value for f in understand(text, LEXICON).facets if f.key == "age"} == {"senior"}


def test_a_word_for_a_sound_is_no_topic() -> None:
    assert ("husky",) in LEXICON.topics
    assert understand("slightly husky man", LEXICON).topics == ()


@pytest.mark.parametrize(("typed", "meant"), [("道航女声", "导航"), ("麻匠 女声", "麻将"), ("宫庭剧", "宫廷剧")])
def test_a_topic_may_be_typed_by_wrong_characters_of_its_sound(typed: str, meant: str) -> None:
    assert tuple(meant) in understand(typed, LEXICON).topics


def test_what_is_a_word_by_itself_is_no_slip_for_a_topic() -> None:
    assert tuple("外交") not in understand("外教上课", LEXICON).topics
