"""Search on records marked as fixtures: they exist only in indexes that these tests make."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.catalog.search.finding import find, planned
from services.catalog.search.forks import collapse
from services.catalog.search.highlight import highlights
from services.catalog.search.lexicon import Facet
from services.catalog.search.lexicon_data import load
from services.catalog.search.port import Found, Ranked, SearchIndex, Viewer, open_index, rebuild
from services.catalog.search.query import Query, understand
from services.catalog.search.record import SearchRecord, facets_of
from services.catalog.search.snapshot import mos
from services.catalog.search.suggest import suggestions
from services.catalog.search.tokens import fold, units
from tests.contract.search_suite import put

START = datetime(2026, 1, 1, tzinfo=UTC)
LEXICON = load()


def fixture(id_: str, days: int = 0, **facts: object) -> SearchRecord:
    base = SearchRecord(id_, f"v-{id_}", "fixtures", id_, private=False, created=START + timedelta(days=days))
    return replace(base, tags=("fixture",), **facts)  # type: ignore[arg-type]


FIXTURES = [
    fixture("canton-grandpa", languages=("yue",), gender="male", age="senior", timbres=("沙哑",), styles=("讲故事",)),
    fixture("canton-prose", 9, description_zh="老年男性,广东话母语,声音低沉"),
    fixture("canton-prose-en", 5, description_en="An elderly man, native Cantonese speaker, husky."),
    fixture("canton-lady", languages=("zh-yue",), gender="female", age="senior"),
    fixture("canton-boy", languages=("yue",), gender="male", age="child"),
    fixture("english-narrator", languages=("en-GB",), gender="male", age="middle", styles=("narration",), stars=7),
    fixture("english-reader", 3, languages=("en",), gender="male", styles=("叙事",), mos=4.1, license="CC-BY-4.0"),
    fixture("english-angry", languages=("en",), gender="male", emotions=("angry",), license="CC-BY-NC-4.0", mos=3.1),
    fixture("english-male-radio", languages=("ja",), gender="female"),
    fixture("sichuan-host", languages=("sichuan",), gender="female", persona="host", description_zh="火锅店的老板娘"),
]


@pytest.fixture
def index(tmp_path: Path) -> SearchIndex:
    made = open_index(f"sqlite:///{tmp_path / 'search.sqlite'}")
    rebuild(made, FIXTURES)
    return made


def look(index: SearchIndex, text: str, account: str = "", order: str = "relevance") -> Found:
    return find(index, LEXICON, understand(text, LEXICON), Viewer(account), 100, order)


def found(index: SearchIndex, text: str, account: str = "") -> list[str]:
    answer = look(index, text, account)
    exact = [hit.id for hit in answer.hits if not hit.near]
    assert answer.total == len(exact)
    return exact


def test_the_same_intent_in_two_languages_finds_the_same_in_the_same_order(index: SearchIndex) -> None:
    expected = ["english-narrator", "english-reader"]
    assert found(index, "英语 男性 叙事") == found(index, "English male narrator") == expected
    old_men = ["canton-prose", "canton-prose-en", "canton-grandpa"]
    for text in (
        "粤语 老年 男性",
        "elderly male Cantonese",
        "粵語老年男性",
        "廣東話 爺爺",
        "lang:yue gender:male age:senior",
    ):
        assert found(index, text) == old_men, text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("沙哑 粤语", ["canton-prose-en", "canton-grandpa"]),
        ("raspy cantonese", ["canton-prose-en", "canton-grandpa"]),
        ("火锅", ["sichuan-host"]),
        ("中文 女 主持人", ["sichuan-host"]),
        ("canton-boy", ["canton-boy"]),
        ("fixtures/english-angry", ["english-angry"]),
        ("english-male-radio", ["english-male-radio"]),
        ("english male -angry", ["english-narrator", "english-reader"]),
        ("mos:>3.8", ["english-reader"]),
        ("stars:>=7", ["english-narrator"]),
        ("license:cc-by-4.0", ["english-reader"]),
        ("英语 可商用", ["english-reader"]),
        ('"native cantonese speaker"', ["canton-prose-en"]),
        ("age:senior gender:female", ["canton-lady"]),
        ("lang:en-gb", ["english-narrator"]),
        ("zebra", []),
    ],
)
def test_what_is_found(index: SearchIndex, text: str, expected: list[str]) -> None:
    assert set(found(index, text)) == set(expected)


def test_an_empty_query_lists_everything_by_stars_quality_and_date(index: SearchIndex) -> None:
    everything = found(index, "")
    assert everything[:2] == ["english-narrator", "english-reader"]
    assert set(everything) == {record.id for record in FIXTURES}


def test_private_voices_change_nothing_that_others_see(index: SearchIndex) -> None:
    texts = ["", "火锅", "english male", "老板娘 火锅店", "tag:fixture", '"火锅店"', "-angry", "sichuan 老板"]
    viewers = ["", "bob"]
    seen = {(t, v): look(index, t, v) for t in texts for v in viewers}
    secret = replace(fixture("secret", 99, description_zh="火锅店 火锅 老板娘", stars=1000), private=True, owner="ann")
    put(index, [secret, *(replace(secret, id=f"secret{n}") for n in range(20))], [])
    assert seen == {(t, v): look(index, t, v) for t in texts for v in viewers}
    assert "secret" in found(index, "火锅", "ann")


def test_one_entry_a_voice_whatever_is_repeated(index: SearchIndex) -> None:
    changed = replace(FIXTURES[4], languages=("fr",))
    for _ in range(3):
        put(index, [changed, *FIXTURES[:2]], ["canton-lady", "never-there"])
    everything = found(index, "")
    assert len(everything) == len(set(everything)) == len(FIXTURES) - 1
    assert found(index, "法语") == ["canton-boy"]
    rebuild(index, FIXTURES)
    assert len(found(index, "")) == len(FIXTURES)


def test_an_index_of_another_lexicon_asks_to_be_rebuilt(tmp_path: Path) -> None:
    fresh = open_index(f"sqlite:///{tmp_path / 'fresh.sqlite'}")
    assert fresh.stamp() == ""
    rebuild(fresh, [])
    assert fresh.stamp()
    with pytest.raises(ValueError, match="VOICEHUB_SEARCH_URL"):
        open_index("gopher://x")


def test_a_query_is_shown_as_it_was_understood() -> None:
    understood = understand('粤语 男性 -angry "tea house" stars:>=10 小巷', LEXICON).understood
    assert understood == {
        "language": "yue",
        "gender": "male",
        "emotion": "-angry",
        "stars": ">=10",
        "text": '小巷 "tea house"',
    }
    assert understand("the voice of", LEXICON) == Query()


def test_a_chip_taken_away_leaves_the_rest_of_the_query() -> None:
    query = understand('粤语 男性 -angry "tea house" stars:>=10 小巷', LEXICON)
    chips = {f"{chip.key}:{chip.value}": understand(chip.without, LEXICON) for chip in query.chips}
    assert set(chips) == {
        "language:yue",
        "gender:male",
        "emotion:-angry",
        "stars:>=10",
        "text:小巷",
        'text:"tea house"',
    }
    without = chips["language:yue"]
    assert without.understood == {k: v for k, v in query.understood.items() if k != "language"}
    assert "stars" not in chips["stars:>=10"].understood


@pytest.mark.parametrize(
    "text",
    [
        "yueyu laonian nanxing", "yue yu lao nian nan xing", "jyut6 jyu5 lou5 nin4 naam4 sing3", "cantonse eldery male",
        "月语 老年 男性", "yue4yu3 lao3nian2 nan2xing4", "粵語 老年 男性", "粤语elderly男",
    ],
)  # fmt: skip
def test_one_intent_however_it_is_typed(text: str) -> None:
    assert understand(text, LEXICON).understood == {"language": "yue", "gender": "male", "age": "senior"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a twenty-six-year-old man", {"male", "young"}),
        ("四十来岁的大叔,声音不沙哑", {"male", "middle"}),
        ("十五六岁的女高中生", {"female", "teen"}),
        ("not hoarse at all, but warm", {"warm"}),
        ("不疾不徐,一点也不低沉", {"calm"}),
    ],
)
def test_what_prose_affirms_and_denies(text: str, expected: set[str]) -> None:
    assert {facet.value for facet in LEXICON.facets(text)} == expected


def test_a_voice_that_lacks_something_comes_near(index: SearchIndex) -> None:
    answer = look(index, "粤语 老年 女 沙哑")
    assert answer.total == 0
    assert all(hit.near for hit in answer.hits)
    assert answer.hits[0].id in {"canton-lady", "canton-grandpa", "canton-prose-en"}
    assert answer.hits[0].parts["lang:yue"] > answer.hits[0].parts["standing"]


def test_words_that_nobody_listed_find_what_means_the_same(index: SearchIndex) -> None:
    put(index, [fixture("moon", 1, description_en="Of umbrellas and gloves.")], [])
    answer = look(index, "手套")
    assert (answer.total, answer.hits[0].id, answer.hits[0].near) == (0, "moon", True)


def test_facets_are_counted_over_the_exact_hits(index: SearchIndex) -> None:
    counts = look(index, "english male").facets
    assert counts[Facet("style", "narrative")] == 2
    assert counts[Facet("gender", "male")] == 3
    assert Facet("lang", "yue") not in counts


def test_another_order(index: SearchIndex) -> None:
    hits = [hit.id for hit in look(index, "english male", order="mos").hits if not hit.near]
    assert hits == ["english-reader", "english-angry", "english-narrator"]


def test_neighbours_by_sound_respect_conditions_and_privacy(index: SearchIndex) -> None:
    def sounding(id_: str, *embedding: float, **facts: Any) -> SearchRecord:
        return fixture(id_, embedding=embedding, **facts)

    plan = planned(index, LEXICON, understand("gender:male", LEXICON))
    put(index,
        [
            sounding("near", 0.8, 0.6, gender="male"), sounding("far", 0.0, 1.0, gender="male"),
            sounding("woman", 1.0, 0.0, gender="female"),
            replace(sounding("hidden", 1.0, 0.0, gender="male"), private=True, owner="ann"),
        ],
        [],
    )  # fmt: skip
    assert [n.id for n in index.nearest((1.0, 0.0), plan, Viewer(), 10)] == ["near", "far"]
    assert [n.id for n in index.nearest((1.0, 0.0), plan, Viewer("ann"), 10)] == ["hidden", "near", "far"]
    put(index, [], ["near"])
    assert [n.similarity for n in index.nearest((1.0, 0.0), plan, Viewer(), 10)] == [0.0]


@pytest.mark.parametrize(
    "said", ["TINMAN-9 那个 robot", "the robot called tinman-9", "robots by brick-works", "robots by brick-works -男声"]
)
def test_a_name_beside_other_words_is_not_read_in_parts(index: SearchIndex, said: str) -> None:
    other = fixture("robot", languages=("en",), persona="robot", stars=900, gender="female")
    put(index, [other, replace(fixture("TINMAN-9", languages=("ja",)), owner="brick-works")])
    assert next(hit.id for hit in look(index, said).hits) == "TINMAN-9"


def test_a_name_is_one_piece_only_where_a_public_voice_has_it(index: SearchIndex) -> None:
    put(index, [replace(fixture("brick-works", languages=("ja",)), private=True, owner="anna")])
    said = "voices by brick-works"
    assert planned(index, LEXICON, understand(said, LEXICON)) == planned(index, LEXICON, _uncalled(said))


@pytest.mark.parametrize(
    ("said", "called"),
    [
        ("robots by brick-works, no men", ("brick", "works")),
        ("owner:brick-works robots by brick-works", ("brick", "works")),
        ("cc-by-4.0 女声", ()),
        ("80-year-old man", ()),
        ("narrated by middle-aged woman", ()),
        ("7-8岁 女孩", ()),
        ("anything but tinman-9", ()),
        ("robots not by brick-works", ()),
    ],
)
def test_what_means_something_or_is_denied_is_no_name(said: str, called: tuple[str, ...]) -> None:
    assert understand(said, LEXICON).called == called


def test_a_name_in_a_key_stays_there(index: SearchIndex) -> None:
    put(index, [fixture("robot", persona="robot"), replace(fixture("TIN", persona="robot"), owner="brick-works")])
    assert [hit.id for hit in look(index, "owner:brick-works robots by brick-works").hits] == ["TIN"]


def test_what_a_card_says_in_passing_is_no_name(index: SearchIndex) -> None:
    put(index, [fixture("robot", persona="robot"), fixture("other", description_en="Not for brick-works.")])
    assert next(hit.id for hit in look(index, "robots by brick-works").hits) == "robot"


@pytest.mark.parametrize("said", ["女声,-温柔，-甜美", "普通话（不要儿化音）女声 -温柔 -甜美", "女声 -温柔;-甜美"])
def test_what_stands_after_a_comma_or_a_bracket_is_a_piece_of_its_own(said: str) -> None:
    read = understand(said, LEXICON)
    assert Facet("gender", "female") in read.facets
    assert {Facet("emotion", "gentle"), Facet("timbre", "sweet")} <= read.without


def test_a_value_with_a_comma_comes_back_in_quotes() -> None:
    chips = understand('tag:"c++,x:y" lang:yue', LEXICON).chips
    assert {chip.without for chip in chips} == {'tag:"c++,x:y"', "lang:yue"}


def _uncalled(said: str) -> Query:
    return replace(understand(said, LEXICON), called=(), uncalled=None)


@pytest.mark.parametrize(
    ("facts", "facet"),
    [
        ({"emotions": ("warm",)}, Facet("emotion", "gentle")),
        ({"timbres": ("柔和",)}, Facet("timbre", "soft")),
        ({"styles": ("口语化",)}, Facet("style", "conversational")),
    ],
)
def test_a_field_gives_a_word_the_meaning_that_it_has_there(facts: dict[str, Any], facet: Facet) -> None:
    assert facet in facets_of(fixture("voice", **facts), LEXICON)


def test_suggestions_are_terms_and_public_names(index: SearchIndex) -> None:
    put(index, [replace(fixture("cantata"), private=True, owner="ann")], [])
    assert "cantonese" in suggestions(index, LEXICON, "canto", Viewer())
    assert "fixtures/canton-boy" in suggestions(index, LEXICON, "canton-b", Viewer())
    assert suggestions(index, LEXICON, "cantata", Viewer()) == []
    assert suggestions(index, LEXICON, "cantata", Viewer("ann")) == ["ann/cantata"]
    for typed, told in (("粤语 老", "粤语 老年"), ("laon", "老年"), ("yuey", "粤语"), ("old jyut", "old 粤语")):
        assert told in suggestions(index, LEXICON, typed, Viewer())
    assert not [text for text in suggestions(index, LEXICON, "man", Viewer()) if "four" in text or "4" in text]
    for typed in ("warm eld", "re", "narr"):  # what is understood with an s is no word to propose: "elderlys"
        said = [text.split()[-1] for text in suggestions(index, LEXICON, typed, Viewer()) if "/" not in text]
        assert said
        assert not [word for word in said if word.endswith("s")]


def test_licences_and_commercial_use_are_words_too(index: SearchIndex) -> None:
    assert found(index, 'license:"CC BY 4.0"') == found(index, "license:cc-by-4.0") == ["english-reader"]
    for text in ("commercial:no", "不可商用", "non-commercial"):
        assert found(index, text) == ["english-angry"]
    assert found(index, "commercial:yes") == found(index, "可商用") == found(index, "CC BY 4.0") == ["english-reader"]


def test_one_of_a_family_of_forks_stands_for_the_others() -> None:
    hits = [Ranked("a", 3, "a"), Ranked("b", 2, "a"), Ranked("c", 1), Ranked("d", 0, "a")]
    collapsed = collapse(hits)
    assert [hit.id for hit in collapsed.hits] == ["a", "c"]
    assert collapsed.forks == {"a": 2}


def test_an_exact_hit_stands_for_its_family_before_a_better_one_that_only_comes_near() -> None:
    hits = [Ranked("a", 3, "a", near=True), Ranked("c", 2), Ranked("b", 1, "a"), Ranked("d", 0, "e", near=True)]
    collapsed = collapse(hits)
    assert [hit.id for hit in collapsed.hits] == ["c", "b", "d"]
    assert collapsed.forks == {"b": 1}


def test_values_that_no_list_has_are_asked_for_however_they_are_written(index: SearchIndex) -> None:
    put(index, [replace(fixture("odd"), tags=("廣東故事",), timbres=("溫吞水",), styles=("Ｎｏｉｒ",))], [])
    for text in ("tag:廣東故事", "tag:广东故事", "timbre:溫吞水", "timbre:温吞水", "style:Ｎｏｉｒ", "style:noir"):
        assert found(index, text) == ["odd"]


def test_what_the_hub_judged_goes_before_what_an_author_says() -> None:
    author = {"MOS": {"value": 5, "how": "asked my friends"}}
    assert mos({"mos_dnsmos": 2.1}, author) == 2.1
    assert mos({"mos": 3.2, "mos_dnsmos_recording": 4.0}, {}) == 3.2
    assert mos({"similarity": 0.9}, author) == 5.0
    assert mos({}, {"mos": {"value": True}, "moss green": {"value": 4.9}}) is None


def test_highlights_are_the_words_that_answer() -> None:
    query = understand("粤语 沙哑 tea house", LEXICON)
    told = ["講廣東話，嗓子沙哑，不是沙哑。", "Near the old tea house, loud."]
    assert highlights(query, LEXICON, told) == ["廣東話", "沙哑", "Near the old tea house"]


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60) | st.text(alphabet='"-:*()^男粤a>=1 ', max_size=40))
def test_no_text_breaks_a_search(text: str) -> None:
    query = understand(text, LEXICON)
    assert all(query.understood.values())


@pytest.mark.parametrize(
    "text", ['"', '" OR "', "a* NEAR(b)", "x:y", "-", "--", "lang:", "stars:>", "'; DROP TABLE", "𠮷", "ﬁ"]
)
def test_query_syntax_of_the_engine_has_no_power(index: SearchIndex, text: str) -> None:
    assert isinstance(found(index, text), list)


def test_folding_and_units() -> None:
    assert fold("ＣＡＮＴＯＮＥＳＥ 廣東話") == "cantonese 广东话"
    assert units("middle-aged 老年 v2") == ("middle", "aged", "老", "年", "v2")


def test_prose_fills_only_what_the_fields_leave_open() -> None:
    record = fixture("x", gender="female", description_en="Sounds like an old man, but is a woman reading news.")
    facets = facets_of(record, LEXICON)
    assert Facet("gender", "female") in facets
    assert Facet("gender", "male") not in facets
    assert Facet("age", "senior") in facets
    assert Facet("style", "news") in facets
