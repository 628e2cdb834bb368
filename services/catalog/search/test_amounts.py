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
    ],
)
def test_an_amount_is_a_condition(said: str, bound: Bound) -> None:
    assert understand(said, load()).bounds == (bound,)


@pytest.mark.parametrize(
    "said",
    ["三十岁以上的男人", "a man over 50", "a five star hotel", "5 stars", "我有三个孩子", "至少三十岁", "十二分以上",
     "男声 4分", "下载过", "超过二零二四年的星标", '"over 5 stars"', "starship over 3 planets"],
)  # fmt: skip
def test_what_only_looks_like_an_amount_is_text(said: str) -> None:
    assert as_conditions(said) == said
    assert understand(said, load()).bounds == ()
