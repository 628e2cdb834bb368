"""Values that are kinds of others: English of a country, books among narrations, thick among deep voices."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from services.catalog.search.finding import find
from services.catalog.search.lexicon import Facet
from services.catalog.search.lexicon_data import load
from services.catalog.search.port import SearchIndex, Viewer, open_index, rebuild
from services.catalog.search.query import facet_of, understand
from services.catalog.search.record import SearchRecord, facets_of

LEXICON = load()
BASE = SearchRecord("id", "v", "fixtures", "plain", private=False, created=datetime(2026, 1, 1, tzinfo=UTC))


def read(prose: str, *languages: str, **fields: Any) -> set[str]:
    found = facets_of(replace(BASE, description_en=prose, languages=languages, **fields), LEXICON)
    return {f"{facet.key}:{facet.value}" for facet in found}


@pytest.fixture
def index(tmp_path: Path) -> Iterator[SearchIndex]:
    made = open_index(f"sqlite:///{tmp_path}/index.sqlite")
    yield made
    made.close()


def found(index: SearchIndex, text: str, **proses: str) -> list[str]:
    rebuild(index, [replace(BASE, id=id_, name=id_, description_en=prose) for id_, prose in proses.items()])
    return [hit.id for hit in find(index, LEXICON, understand(text, LEXICON), Viewer(), 10).hits]


def test_a_prose_may_say_of_which_country_the_language_of_the_field_is() -> None:
    assert {"lang:en", "lang:en-gb"} <= read("A British gentleman.", "en")
    assert {"lang:en", "lang:en-gb"} <= read("A British gentleman.")
    assert "lang:en-gb" not in read("A British gentleman.", "ja")
    assert {"lang:zh", "lang:zh-tw"} <= read("Mandarin with a Taiwanese accent.", "zh")
    assert "lang:zh" not in read("", "zh-sichuan")  # a dialect is found behind those that say so


def test_who_asks_for_a_country_finds_it_first_and_who_asks_for_the_language_finds_all(index: SearchIndex) -> None:
    cards = {"a": "An American man.", "b": "A British man.", "c": "A man, English."}
    assert found(index, "British man", **cards)[0] == "b"
    assert set(found(index, "lang:en", **cards)) == {"a", "b", "c"}


@pytest.mark.parametrize(
    ("text", "finer", "coarser"),
    [
        ("audiobook", "Records audiobooks.", "A narrator."),
        ("纪录片", "Documentary voice.", "A narrator."),
        ("ASMR", "For ASMR.", "Whispering."),
        ("浑厚", "A full-bodied voice.", "A deep voice."),
    ],
)
def test_the_finer_value_goes_before_the_coarser_one(index: SearchIndex, text: str, finer: str, coarser: str) -> None:
    assert found(index, text, x="A cheerful voice.", coarser=coarser, finer=finer)[:2] == ["finer", "coarser"]


def test_of_an_english_word_for_somebody_the_end_says_who_it_is(index: SearchIndex) -> None:
    cards = {"a": "A sinister villain.", "b": "人设是巫婆。"}
    assert found(index, "cackling witch", **cards)[0] == "b"


@pytest.mark.parametrize(
    ("said", "facet"),
    [
        ("a Scottish lady", "lang:en-gb-scotland"),
        ("monk with an Irish brogue", "lang:en-ie"),
        ("texan accent", "lang:en-us-south"),
        ("港普 女声", "lang:zh-hk-mandarin"),
        ("語速快的男聲", "style:fast"),
        ("後生仔 講嘢好快", "style:fast"),
        ("语速非常慢的男声", "style:slow"),
        ("gwong2 dung1 waa2 sai3 lou6 neoi5", "gender:female"),
        ("naam4, jyut6jyu5", "gender:male"),
        ("daoháng nǚshēng pǔtōnghuà", "gender:female"),
        ("nánshēng pǔtōnghuà dīchén", "timbre:deep"),
        ("低沈 男聲", "timbre:deep"),
        ("沉著的管家", "emotion:calm"),
        ("should not read as a man or a woman", "gender:neutral"),
        ("can I use it commercially?", "commercial:yes"),
        ("Mandarin with a Singapore accent", "lang:zh-sg"),
        ("踢球比赛的解说员", "style:commentary"),
    ],
)
def test_accents_pace_and_other_ways_to_write_a_value(said: str, facet: str) -> None:
    assert Facet(*facet.split(":")) in understand(said, LEXICON).facets


def test_narration_beside_a_use_is_that_use(index: SearchIndex) -> None:
    cards = {"a": "Does commercials.", "b": "A narrator.", "c": "Sings lullabies."}
    assert found(index, "advertising narrator", **cards)[0] == "a"
    assert Facet("style", "narrative") not in understand("廣告旁白", LEXICON).facets
    assert Facet("style", "narrative") in understand("旁白 女声", LEXICON).facets
    assert Facet("style", "narrative") in understand("narration or advertising", LEXICON).facets


@pytest.mark.parametrize("text", ["slow-paced narrator", "夸张的旁白", "旁白和广告", "narrator who whispers"])
def test_narration_beside_a_manner_or_another_wish_is_asked_for(text: str) -> None:
    assert Facet("style", "narrative") in understand(text, LEXICON).facets


@pytest.mark.parametrize("text", ["unsophisticated", "ungraceful", "untheatrical", "语速快慢都行", "不分性别"])
def test_what_is_denied_or_left_open_is_no_slip_for_it(text: str) -> None:
    assert not understand(text, LEXICON).facets


def test_a_pace_that_is_not_slow_is_fast() -> None:
    assert understand("语速不慢", LEXICON).facets == {Facet("style", "fast")}
    assert Facet("style", "fast") in understand("别讲太快的女声", LEXICON).without


def test_each_value_is_asked_for_by_its_own_name() -> None:
    values = {facet for facets in LEXICON.terms.values() for facet in facets}
    assert not [facet for facet in values if facet_of(LEXICON, facet.key, facet.value) != facet]


@pytest.mark.parametrize("prose", ["录制于成都的普通话女声。", "适合重庆旅游宣传片", "Recorded in Chengdu."])
def test_a_place_is_no_accent_of_who_is_said_to_speak_the_language(prose: str) -> None:
    assert "lang:sichuan" not in read(prose, "zh")


@pytest.mark.parametrize("prose", ["四川话的普通话女声。", "Mandarin with a Sichuan accent."])
def test_a_prose_may_say_of_which_region_the_language_of_the_field_is(prose: str) -> None:
    assert {"lang:zh", "lang:sichuan"} <= read(prose, "zh")
    assert "lang:sichuan" not in read(prose, "ja")


def test_who_speaks_as_in_a_part_of_a_country_speaks_its_language(index: SearchIndex) -> None:
    assert {"lang:en", "lang:en-us-south"} <= read("A man from the bayou with a southern drawl.", "en")
    assert {"lang:en", "lang:en-us", "lang:en-us-south"} <= read("A southern drawl.", "en-US")
    assert {"lang:en", "lang:en-gb-scotland"} <= read("Warm Scottish accent.", "en-GB")
    cards = {"a": "A Scottish man.", "b": "A British man.", "c": "A man, English."}
    assert found(index, "Scottish man", **cards)[0] == "a"
    assert set(found(index, "lang:en", **cards)) == {"a", "b", "c"}


@pytest.mark.parametrize(
    "prose", ["Not a good fit for documentaries.", "纪录片就别用它了。", "不太适合纪录片。", "念新闻会有点怪。"]
)
def test_what_a_voice_is_not_fit_for_it_is_not_found_by(prose: str) -> None:
    assert not [facet for facet in read(prose) if facet.startswith("style:")]


@pytest.mark.parametrize(
    ("said", "age"), [("四五十岁的女士", "middle"), ("二三十岁", "young"), ("六、七十岁", "senior")]
)
def test_ages_between_two_tens(said: str, age: str) -> None:
    assert Facet("age", age) in understand(said, LEXICON).facets


def test_works_that_belong_to_nobody_are_no_licence_of_the_voice() -> None:
    assert {"license:cc0-1.0", "commercial:yes"}.isdisjoint(read("Reads public domain classics."))
    assert "license:cc0-1.0" in read("Dedicated to the public domain.")
    assert Facet("license", "cc0-1.0") in understand("public domain audiobook reader", LEXICON).facets


@pytest.mark.parametrize("text", ["thick Scottish accent", "把声音压低一点", "语气要得体", "阿拉斯加"])
def test_parts_of_other_words_are_no_voice_and_no_dialect(text: str) -> None:
    query = understand(text, LEXICON)
    assert Facet("timbre", "thick") not in query.facets
    assert not query.hints


@pytest.mark.parametrize(
    ("fields", "facet"),
    [
        ({"styles": ("慢速",)}, "style:slow"),
        ({"styles": ("广播",)}, "style:announcement"),
        ({"styles": ("老师",)}, "persona:teacher"),
        ({"timbres": ("清冷",)}, "emotion:cold"),
        ({"styles": ("sports",)}, "style:commentary"),
        ({"styles": ("yujie",)}, "topic:big-sister"),
        ({"tags": ("cold",)}, "emotion:cold"),
        ({"tags": ("甜",)}, "timbre:sweet"),
        ({"tags": ("en",)}, "lang:en"),
    ],
)
def test_the_value_of_a_field_and_a_tag_say_what_a_prose_would_need_surer_words_for(
    fields: dict[str, Any], facet: str
) -> None:
    assert facet in read("", **fields)


def test_a_tag_is_no_field_and_the_languages_of_the_field_stay_the_only_ones() -> None:
    assert not read("", "ja", tags=("drama", "en")) & {"style:dubbing", "lang:en"}


@pytest.mark.parametrize(
    ("prose", "age"),
    [
        ("我爸录的，那年他五十一", "middle"),
        ("A guy of about fifty.", "middle"),
        ("a fiftyish lady", "middle"),
        ("a forty-something lady", "middle"),
        ("An old chap, well past seventy.", "senior"),
        ("十几岁的男孩", "teen"),
        ("A lad of sixteen.", "teen"),
    ],
)
def test_ages_as_cards_tell_them(prose: str, age: str) -> None:
    assert {fact for fact in read(prose) if fact.startswith("age:")} == {f"age:{age}"}


@pytest.mark.parametrize(
    ("text", "near", "far"),
    [
        ("yoga for women", "For meditation. A woman.", "For adverts. A woman."),
        ("radio drama, man", "A man who dubs films.", "A man who reads the news."),
        ("robots, female", "A female android.", "A female doctor."),
    ],
)
def test_a_use_is_found_by_what_is_near_to_it_under_another_key(
    index: SearchIndex, text: str, near: str, far: str
) -> None:
    assert found(index, text, far=far, near=near) == ["near", "far"]


@pytest.mark.parametrize(
    ("said", "facet", "topic"),
    [
        ("恐怖游戏", "style:game", "horror"),
        ("心理医生", "persona:doctor", "psychology"),
        ("board game", "style:game", "boardgames"),
    ],
)
def test_a_word_for_a_topic_is_also_what_it_ends_with(said: str, facet: str, topic: str) -> None:
    query = understand(said, LEXICON)
    assert Facet(*facet.split(":")) in query.facets
    assert Facet("topic", topic) in {facet for phrase in query.topics for facet in LEXICON.topics[phrase]}


@pytest.mark.parametrize("text", ["日与夜 旁白", "最难的角色", "国与家", "老是很吵"])
def test_what_only_sounds_like_a_name_beside_a_word_that_says_nothing_is_none(text: str) -> None:
    assert not {f for f in understand(text, LEXICON).facets if f.key in ("lang", "gender", "persona")}


@pytest.mark.parametrize(
    ("said", "use"),
    [
        ("仅限个人学习", "no"),
        ("personal use only", "no"),
        ("free for commercial projects", "yes"),
        ("商业项目也能用", "yes"),
    ],
)
def test_what_a_card_allows(said: str, use: str) -> None:
    assert f"commercial:{use}" in read(said)


@pytest.mark.parametrize(
    "prose",
    [
        "商业项目一律禁止",
        "禁止商业项目使用",
        "Commercial projects need my permission.",
        "仅供研究生使用",
        "We don't sell, we tell stories.",
        "商业用途都得问过我",
        "Recorded for personal use as my satnav.",
    ],
)
def test_what_only_speaks_of_business_allows_and_forbids_nothing(prose: str) -> None:
    assert not [fact for fact in read(prose) if fact.startswith("commercial:")]


@pytest.mark.parametrize("prose", ["二十多年配音经验的大叔", "The uncle next door, for 90后."])
def test_years_of_work_and_listeners_are_no_age(prose: str) -> None:
    assert "age:young" not in read(prose)


def test_a_prose_is_surer_of_an_age_than_a_tag() -> None:
    told = read("今年六十二岁。", tags=("大叔",))
    assert {fact for fact in told if fact.startswith("age:")} == {"age:senior"}


def test_a_work_in_the_public_domain_is_no_licence_also_as_a_tag() -> None:
    told = read("", tags=("public domain", "monetize"))
    assert not [fact for fact in told if fact.startswith(("license:", "commercial:"))]


@pytest.mark.parametrize("text", ["权力的游戏 旁白", "young scholar", "Olympic Games"])
def test_a_title_or_another_person_is_no_game_and_loses_nothing(text: str) -> None:
    query = understand(text, LEXICON)
    assert Facet("style", "game") not in query.facets
    assert text != "young scholar" or Facet("age", "young") in query.facets


@pytest.mark.parametrize(
    "prose",
    [
        "Commercial use is not allowed.",
        "commercial use prohibited",
        "商用一律不行",
        "商业使用不被允许",
        "未经许可禁止商业使用",
        "严禁用于商业用途",
        "Please don't use it commercially.",
        "You can't use it in paid projects.",
        "商用：否",
        "Commercial use: no",
        "不接受商业使用",
        "商用需授权",
        "Commercial use requires my written permission.",
    ],
)
def test_a_permission_that_is_refused_or_has_conditions_is_none(prose: str) -> None:
    assert "commercial:yes" not in read(prose)


@pytest.mark.parametrize(
    "prose", ["允许商用，注明出处", "商用：可以", "禁止转载，可商用", "no monetization restrictions"]
)
def test_a_permission_beside_a_refusal_of_something_else_is_one(prose: str) -> None:
    assert "commercial:yes" in read(prose)


@pytest.mark.parametrize("text", ["能不能商用的男声", "可唔可以商用", "商用得唔得"])
def test_who_asks_whether_it_may_be_used_wants_that(text: str) -> None:
    assert Facet("commercial", "yes") in understand(text, LEXICON).facets


@pytest.mark.parametrize("prose", ["大四，学播音主持", "每晚，20时，电台见", "Clips: about 20", "上小学时就开始学配音"])
def test_other_numbers_and_other_times_are_no_age(prose: str) -> None:
    assert not {"age:child", "age:senior"} & read(prose)


def test_a_word_for_a_topic_keeps_the_language_before_its_end() -> None:
    assert Facet("lang", "en") in understand("english lessons female", LEXICON).facets
