from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gptsovits.text import TextError, segment
from gptsovits.text.segmentation import MODES
from gptsovits.text.tests.golden import recorded

# Where the recording's small model took "世界", "脚本", "加速" and "元" for Japanese, scripts alone cannot agree.
DEFAULTED = [case for case in recorded("lang_segments")["cases"] if case["default"]]


@pytest.mark.parametrize("case", DEFAULTED, ids=[case["text"] for case in DEFAULTED])
def test_equals_recording_where_a_language_is_given(case: dict[str, Any]) -> None:
    found = [{"lang": part.language, "text": part.text} for part in segment(case["text"], f"all_{case['default']}")]
    assert found == case["out"]


@pytest.mark.parametrize(
    ("text", "mode", "expected"),
    [
        ("今日は東京タワーに行きました。", "auto", ["ja"]),
        ("안녕하세요 hello 你好", "auto", ["ko", "en", "zh"]),
        ("价格是100元，about 15 dollars.", "auto", ["zh", "en"]),
        ("东京。さくら", "auto", ["zh", "ja"]),
        ("東京。さくら", "auto", ["ja"]),
        ("你好まいご吗", "auto", ["zh", "ja", "zh"]),
        ("佢住喺九龍 near me", "auto_yue", ["yue", "en"]),
        ("跑了5km。", "zh", ["zh"]),
        ("我用Python写的", "zh", ["zh", "en", "zh"]),
        ("12:30", "auto", ["en"]),
        ("Version 2.0", "zh", ["en"]),
        ("今日 hello", "JP", ["ja", "en"]),
    ],
)
def test_languages(text: str, mode: str, expected: list[str]) -> None:
    assert [part.language for part in segment(text, mode)] == expected


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=40) | st.text(st.sampled_from("ab1 你吗東京かな한글,。й"), max_size=20), st.sampled_from(MODES))
def test_segments_joined_are_the_text(text: str, mode: str) -> None:
    found = segment(text, mode)
    assert "".join(part.text for part in found) == text
    assert all(one.language != two.language for one, two in pairwise(found))


def test_unknown_mode_is_refused() -> None:
    with pytest.raises(TextError, match="not supported"):
        segment("text", "klingon")
