"""Search on records marked as fixtures: they exist only in indexes that these tests make."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.catalog.search.lexicon import Facet, load
from services.catalog.search.port import SearchIndex, Viewer, open_index
from services.catalog.search.query import Query, understand
from services.catalog.search.record import SearchRecord, facets_of
from services.catalog.search.tokens import fold, units

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
    made.rebuild(FIXTURES)
    return made


def found(index: SearchIndex, text: str, account: str = "") -> list[str]:
    hits, total = index.search(understand(text, LEXICON), Viewer(account), 100)
    assert total == len(hits)
    return [hit.id for hit in hits]


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


def test_an_empty_query_lists_everything_most_stars_and_newest_first(index: SearchIndex) -> None:
    everything = found(index, "")
    assert everything[:2] == ["english-narrator", "canton-prose"]
    assert set(everything) == {record.id for record in FIXTURES}


def test_private_voices_change_nothing_that_others_see(index: SearchIndex) -> None:
    texts = ["", "火锅", "english male", "老板娘 火锅店", "tag:fixture", '"火锅店"', "-angry"]
    viewers = [Viewer(), Viewer("bob")]
    seen = {(t, v): index.search(understand(t, LEXICON), v, 100) for t in texts for v in viewers}
    secret = replace(fixture("secret", 99, description_zh="火锅店 火锅 老板娘", stars=1000), private=True, owner="ann")
    index.apply([secret, *(replace(secret, id=f"secret{n}") for n in range(20))], [])
    assert seen == {(t, v): index.search(understand(t, LEXICON), v, 100) for t in texts for v in viewers}
    assert "secret" in found(index, "火锅", "ann")


def test_one_entry_a_voice_whatever_is_repeated(index: SearchIndex) -> None:
    changed = replace(FIXTURES[4], languages=("fr",))
    for _ in range(3):
        index.apply([changed, *FIXTURES[:2]], ["canton-lady", "never-there"])
    everything = found(index, "")
    assert len(everything) == len(set(everything)) == len(FIXTURES) - 1
    assert found(index, "法语") == ["canton-boy"]
    index.rebuild(FIXTURES)
    assert len(found(index, "")) == len(FIXTURES)


def test_an_index_of_another_lexicon_asks_to_be_rebuilt(tmp_path: Path) -> None:
    fresh = open_index(f"sqlite:///{tmp_path / 'fresh.sqlite'}")
    assert fresh.stamp() == ""
    fresh.rebuild([])
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
