"""Amounts in words are conditions on numbers; what only looks like one stays text."""

from __future__ import annotations

import pytest

from services.catalog.search.amounts import as_conditions
from services.catalog.search.lexicon_data import load
from services.catalog.search.query import Bound, understand


@pytest.mark.parametrize(
    ("said", "bound"),
    [
        ("a calm voice, MOS above 3.5 if possible", Bound("mos", ">", 3.5)),
        ("rated at least 4", Bound("mos", ">=", 4)),
        ("四分以上嘅廣東話女旁白", Bound("mos", ">=", 4)),
        ("MOS 4 分以上的中年男旁白", Bound("mos", ">=", 4)),
        ("评分高于4.2 的男声", Bound("mos", ">", 4.2)),
        ("星标过五十的东北话", Bound("stars", ">", 50)),
        ("星星數 20 以上的國語御姐", Bound("stars", ">=", 20)),
        ("一百颗星以上", Bound("stars", ">=", 100)),
        ("fewer than 10 stars", Bound("stars", "<", 10)),
        ("10+ stars", Bound("stars", ">=", 10)),
        ("more than 1k downloads", Bound("downloads", ">", 1000)),
        ("下载量超过一万两千", Bound("downloads", ">", 12000)),
        ("newsreader, mos:>4, male", Bound("mos", ">", 4)),
        ("no more than 5 stars", Bound("stars", "<=", 5)),
        ("with no fewer than 10 stars", Bound("stars", ">=", 10)),
        ("not below 4 mos", Bound("mos", ">=", 4)),
        ("下载过万", Bound("downloads", ">", 10_000)),
        ("下载超过2万", Bound("downloads", ">", 20_000)),
        ("downloads over 1,000,000", Bound("downloads", ">", 1_000_000)),
        ("1,500 stars or more", Bound("stars", ">=", 1500)),
        ("下载超过两千五", Bound("downloads", ">", 2500)),
        ("下载超过两千零五", Bound("downloads", ">", 2005)),
        ("广东话，mos 最好高过 3.8", Bound("mos", ">", 3.8)),
        ("voiceover 10+ stars", Bound("stars", ">=", 10)),
    ],
)
def test_an_amount_is_a_condition(said: str, bound: Bound) -> None:
    assert understand(said, load()).bounds == (bound,)


@pytest.mark.parametrize(
    "said",
    [
        "lang:yue mos:>3.8 stars:>=10 license:cc-by-4.0",
        "stars:>=10 mos:>3.8",
        "MOS：>3.8，stars：>=10",
        "mos>3.8 stars>=10",
        "MOS above 3.8 stars at least 10",
        "评分高于3.8 星标至少10",
        "评分高于3.8星标不少于10",
        "mos:>3.8；stars:>=10",
        "mos>3.8,stars≥10",
        "mos: >3.8 stars: ≥10",
        "评分：大于3.8 星标不要低于10",
    ],
)
def test_several_amounts_are_each_their_own(said: str) -> None:
    read = understand(said, load())
    assert set(read.bounds) == {Bound("mos", ">", 3.8), Bound("stars", ">=", 10)}
    assert not read.text


@pytest.mark.parametrize(
    "said",
    ["lang:yue，评分高于4的男声", "粤语mos:>4 男", "gender:male,mos above 4 lang:yue", "lang:yue gender:male;mos:>4"],
)
def test_an_amount_ends_a_value_and_a_value_an_amount(said: str) -> None:
    read = understand(said, load())
    assert read.bounds == (Bound("mos", ">", 4),)
    assert {f"{f.key}:{f.value}" for f in read.facets} == {"lang:yue", "gender:male"}
    assert not read.text


def test_what_is_not_wanted_is_not_an_amount_denied() -> None:
    read = understand("不要男声 评分4以上", load())
    assert read.bounds == (Bound("mos", ">=", 4),)


@pytest.mark.parametrize(
    "said",
    ["三十岁以上的男人", "a man over 50", "a five star hotel", "5 stars", "我有三个孩子", "至少三十岁", "十二分以上",
     "男声 4分", "下载过", "超过二零二四年的星标", '"over 5 stars"', "starship over 3 planets", "voice over 3 stars",
     "admin 3 stars", "不要评分低于3的", "-评分低于3", "not rated below 3", "投三分以上的篮球解说", "3分以上的长音频",
     "voice for a 5+ star hotel", "收藏有一百个手办"],
)  # fmt: skip
def test_what_only_looks_like_an_amount_is_text(said: str) -> None:
    assert as_conditions(said) == said
    assert understand(said, load()).bounds == ()
