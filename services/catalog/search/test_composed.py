"""Words made of names say all that those name; things with an "or" between them are alternatives."""

from __future__ import annotations

import pytest

from services.catalog.search.lexicon import Facet
from services.catalog.search.lexicon_data import load
from services.catalog.search.query import Query, understand
from services.catalog.search.ranking import Plan, plan
from services.catalog.search.words import load_words

LEXICON = load()


def read(said: str) -> Query:
    return understand(said, LEXICON)


def facets(said: str) -> set[str]:
    return {f"{facet.key}:{facet.value}" for facet in read(said).facets}


def planned(said: str) -> Plan:
    return plan(read(said), LEXICON, load_words(), lambda phrases: (dict.fromkeys(phrases, 0), 100))


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ("客服女声", {"style:customer-service", "gender:female"}),
        ("kefu nvsheng", {"style:customer-service", "gender:female"}),
        ("粤语配音", {"lang:yue", "style:dubbing"}),
        ("高冷御姐", {"emotion:cold", "gender:female", "age:young"}),
        ("讲睡前故事", {"style:bedtime"}),
        ("可以攞嚟做生意嘅聲", {"commercial:yes"}),
        ("粤英双语", {"lang:yue", "lang:en"}),
        ("japanes voice", {"lang:ja"}),
        ("bie tai tian de nvsheng", {"gender:female"}),
    ],
)
def test_a_word_made_of_names_says_them_all(said: str, named: set[str]) -> None:
    assert facets(said) == named


@pytest.mark.parametrize("said", ["少年老成", "孩子爸爸", "mad men", "teenage daughter"])
def test_a_word_that_means_something_else_stays_whole(said: str) -> None:
    assert not facets(said)


def test_a_card_says_what_the_parts_of_its_words_name() -> None:
    assert {Facet("lang", "yue"), Facet("style", "dubbing")} <= LEXICON.facets("适合粤语配音。")


def test_who_refuses_a_kind_of_person_may_want_the_same_gender() -> None:
    query = read("客栈老板娘，不要萝莉")
    assert not query.without
    assert [kind.facets for kind in query.without_kinds] == [{Facet("gender", "female"), Facet("age", "teen")}]


def test_who_refuses_one_of_several_ages_refuses_each() -> None:
    girl = Facet("gender", "female")
    kinds = {kind.facets for kind in read("不要女孩").without_kinds}
    assert kinds == {frozenset({girl, Facet("age", age)}) for age in ("child", "teen", "young")}


def test_to_ask_whether_there_is_one_denies_nothing() -> None:
    query = read("有冇可以攞嚟做生意嘅廣東話旁白")
    assert not query.without
    assert Facet("commercial", "yes") in query.facets


@pytest.mark.parametrize(
    ("said", "group"),
    [
        ("四川话或东北话", {"lang:sichuan", "lang:dongbei"}),
        ("a French or German lady", {"lang:fr", "lang:de"}),
        ("MIT / Apache 女声", {"license:mit", "license:apache-2.0"}),
        ("cc by 或 cc0 的女声", {"license:cc-by-4.0", "license:cc0-1.0"}),
        ("lang:sichuan or lang:dongbei", {"lang:sichuan", "lang:dongbei"}),
        ("上海爷叔", {"age:middle", "age:senior"}),
    ],
)
def test_alternatives_are_one_condition(said: str, group: set[str]) -> None:
    found = planned(said)
    assert any(
        {f"{a.facet.key}:{a.facet.value}" for a in found.clauses[number].exact if a.facet} == group
        for number in found.exact
    ) or group in [{f"{facet.key}:{facet.value}" for facet in one if "~" not in facet.value} for one in found.required]


@pytest.mark.parametrize(
    "said", ["温柔治愈的男声或女声", "a calm warm voice for audiobook or podcast", "或许温柔一点的暖男"]
)
def test_an_or_is_between_its_neighbours_only(said: str) -> None:
    assert read(said).either <= {"gender", "style"}


def test_without_one_of_three_alternatives_the_others_stay_alternatives() -> None:
    (gentle,) = (chip for chip in read("温柔的四川话或东北话").chips if chip.key == "emotion")
    assert read(gentle.without).either == {"lang"}
    assert read(gentle.without).text == ()


@pytest.mark.parametrize(
    ("said", "named"),
    [("cc by-nc 女声", {"cc-by-nc-4.0"}), ("Frau mit warmer Stimme", set()), ("MIT professor", set()),
     ("apache helicopter pilot", set()), ("MIT 协议", {"mit"})],
)  # fmt: skip
def test_a_licence_is_what_says_so(said: str, named: set[str]) -> None:
    assert {facet.value for facet in read(said).facets if facet.key == "license"} == named


def test_two_languages_without_an_or_are_two_conditions() -> None:
    found = planned("粤英双语")
    assert [found.clauses[number].label for number in found.exact] == ["lang:en", "lang:yue"]


def test_a_topic_in_words_that_name_a_style_counts_less() -> None:
    """哄睡 is a style; that it speaks of sleep, too, is no second wish."""
    told = {clause.label: clause.weight for clause in planned("陶艺 哄睡").clauses}
    assert told["哄睡 (sleep)"] == pytest.approx(0.5 * told["陶艺 (diy)"], rel=1e-3)
