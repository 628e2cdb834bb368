import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gptsovits.text import phonemize
from gptsovits.text.korean.frontend import pronounce
from gptsovits.text.tests.golden import recorded

CASES = recorded("ko")["cases"]


@pytest.mark.parametrize("case", CASES, ids=[case["text"] for case in CASES])
def test_equals_recording(case: dict[str, Any]) -> None:
    result = phonemize(case["text"], "ko")
    assert result.normalized == case["norm_text"]
    assert list(result.phones) == case["phones"]
    assert list(result.ids) == case["ids"]
    assert result.word2ph is None


def test_a_final_jamo_gets_a_full_stop() -> None:
    assert phonemize("안녕", "ko").phones[-1] == "."


def test_letters_are_named() -> None:
    assert "".join(pronounce("a")[0].phones) == "ㅇㅔㅇㅣ."


def test_hanja_are_reported() -> None:
    assert phonemize("한국 漢字", "ko").unspoken == ("漢字",)


def test_the_rule_package_is_not_left_half_imported() -> None:
    phonemize("학교", "ko")
    assert "g2pk2" not in sys.modules
    assert "nltk" not in sys.modules


@settings(max_examples=80, deadline=None)
@given(st.text(max_size=20) | st.text(st.sampled_from("가나학교의 값ㅋㅏ3개12.,!…%a\n"), max_size=20))
def test_any_text_is_read(text: str) -> None:
    result = phonemize(text, "ko")
    assert len(result.phones) == len(result.ids)


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(min_codepoint=0xAC00, max_codepoint=0xD7A3), min_size=1, max_size=8))
def test_every_syllable_is_heard(text: str) -> None:
    vowels = [phone for phone in phonemize(text, "ko").phones if "ㅏ" <= phone <= "ㅣ"]
    assert len(vowels) >= len(text)
