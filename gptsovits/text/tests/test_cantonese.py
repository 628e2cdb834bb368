from typing import Any

import pytest

from gptsovits.text import phonemize
from gptsovits.text.cantonese import syllable_phones
from gptsovits.text.tests.golden import recorded

CASES = recorded("yue")["cases"]


@pytest.mark.parametrize("case", CASES, ids=[case["text"] for case in CASES])
def test_equals_recording(case: dict[str, Any]) -> None:
    result = phonemize(case["text"], "yue")
    assert result.normalized == case["norm_text"]
    assert list(result.phones) == case["phones"]
    assert list(result.ids) == case["ids"]
    assert list(result.word2ph or ()) == case["word2ph"]


@pytest.mark.parametrize(
    ("syllable", "phones"),
    [
        ("ngaa5", ("Yng", "Yaa5")),
        ("ng5", ("Yng", "Yg5")),
        ("gwok3", ("Ygw", "Yok3")),
        ("aa3", ("Yaa", "Ya3")),
        ("ung1", ("Yung1",)),
    ],
)
def test_syllables(syllable: str, phones: tuple[str, ...]) -> None:
    assert syllable_phones(syllable) == phones


def test_numbers_are_read() -> None:
    assert phonemize("有3個人", "yue").normalized == "有三个人"
