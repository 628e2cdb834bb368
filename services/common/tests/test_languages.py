"""Names of languages."""

from __future__ import annotations

import pytest

from services.common.languages import engine_language


@pytest.mark.parametrize(
    ("tag", "code"),
    [
        ("en-US", "en"),
        ("en_US", "en"),
        ("cmn-Hans", "zh"),
        ("zh-yue", "yue"),
        ("zh_YUE_HK", "yue"),
        ("zh-TW", "zh"),
        ("all_zh", "all_zh"),
        ("auto_yue", "auto_yue"),
        ("AUTO", "auto"),
        ("", ""),
    ],
)
def test_languages_are_told_to_the_engine_in_its_words(tag: str, code: str) -> None:
    assert engine_language(tag) == code
