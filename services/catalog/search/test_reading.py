"""How the words of a query are read, and that no query takes long to read."""

from __future__ import annotations

import random
import time
import tracemalloc
from string import ascii_lowercase

import pytest

from services.catalog.search.finding import prepare
from services.catalog.search.lexicon import Facet
from services.catalog.search.lexicon_data import load
from services.catalog.search.phonetics import toned
from services.catalog.search.query import MAX_QUERY, check_length, understand
from services.catalog.search.ranking import plan
from services.catalog.search.reading import Reader
from services.catalog.search.spelling import speller
from services.catalog.search.tokens import units
from services.catalog.search.words import load_words
from services.common.errors import Invalid

LEXICON = load()


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("women v2", {"female"}),
        ("sad singing gpt4", {"sad", "singing"}),
        ("singing lao3nian2", {"singing", "senior"}),
        ("women jyut6 jyu5", {"female", "yue"}),
        ("lao3 nian2 nan2 sheng1", {"senior", "male"}),
        ("yue4yu3 nan sheng v2", {"yue", "male"}),
        ("lao nian nan2", {"senior", "male"}),
    ],
)
def test_a_digit_makes_no_chinese_of_english_words(text: str, values: set[str]) -> None:
    assert {facet.value for facet in understand(text, LEXICON).facets} == values


def test_wintery_is_no_slip_for_winery() -> None:
    (phrase,) = understand("a wintery tale", LEXICON).topics
    assert LEXICON.topics[phrase] == (Facet("topic", "winter"),)


def test_only_syllables_have_tones() -> None:
    sounds = ("jyut6jyu5", "yue4yu3", "lao3", "lv4", "lüe4", "m4", "ng5", "saa1", "zhuang4", "lao3ren", "nǚshēng")
    assert all(map(toned, sounds))
    assert not any(map(toned, ("v2", "mp3", "gpt4", "ps5", "lao", "lao7", "4k", "live2d", "café", "québécois")))


def test_what_is_read_as_something_else_is_kept_as_it_was_typed() -> None:
    male, senior = Facet("gender", "male"), Facet("age", "senior")
    assert understand("lao nian nansheng", LEXICON).typed == ((("lao", "nian"), (senior,)), (("nansheng",), (male,)))
    assert understand("yuki elderly man", LEXICON).typed == ((("yuki",), ()),)
    assert understand("femal", LEXICON).typed == ()  # an index holds it as it holds female


def test_a_word_that_is_several_things_counts_once_as_it_was_typed() -> None:
    query = understand("laoniannansheng", LEXICON)
    made = plan(query, LEXICON, load_words(), lambda phrases: (dict.fromkeys(phrases, 1), 100))
    assert len(query.typed) == 2
    assert [clause.label for clause in made.clauses].count("laoniannansheng as typed") == 1


def test_a_query_is_limited_as_it_is_read_too() -> None:
    check_length("x" * MAX_QUERY)
    for text in ("x" * (MAX_QUERY + 1), "㎉" * 126):
        with pytest.raises(Invalid, match="too long"):
            check_length(text)
    assert len(understand("㎉" * MAX_QUERY, LEXICON).said) == MAX_QUERY


def test_a_word_of_any_length_is_read_at_once() -> None:
    prepare(LEXICON)
    for text in ("abcdefghij" * 50, "之" * MAX_QUERY, "lao" * 166):
        start = time.process_time()
        understand(text, LEXICON)
        assert time.process_time() - start < 0.9


def test_a_word_that_is_longer_than_words_are_is_not_mended() -> None:
    mend, word = speller(LEXICON, load_words()).mend, "".join(random.Random(1).choices(ascii_lowercase, k=MAX_QUERY))
    assert mend("cantoneese") == "cantonese"
    tracemalloc.start()
    assert mend(word) == word
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("东北化 大妈", "东北话 大妈"),
        ("奶生奶气的小女孩", "奶声奶气的小女孩"),
        ("新文播报 男", "新闻播报 男"),
        ("难声优 普通话", "男声优 普通话"),
    ],
)
def test_a_character_of_the_same_sound_is_put_right_in_a_longer_word(typed: str, meant: str) -> None:
    assert understand(typed, LEXICON).facets == understand(meant, LEXICON).facets


@pytest.mark.parametrize("said", [
    "嗓子压得很低", "她是一岁的时候录的", "年轻女生", "有没有免费商用的男声", "在校学生女声", "长沙花鼓戏女声",
    "山西话大叔", "变声器效果的声音", "少年朗读者", "北京滑雪", "北京化妆师女声", "成都花园", "中年南方口音",
    "香港华语电影配音",
])  # fmt: skip
def test_what_only_sounds_like_a_word_stays(said: str) -> None:
    read = Reader.of(LEXICON)
    assert "".join(read.mended(units(said))) == said
