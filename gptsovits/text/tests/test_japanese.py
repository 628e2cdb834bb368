from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gptsovits.text import phonemize
from gptsovits.text.tests.golden import recorded

CASES = recorded("ja")["cases"]


@pytest.mark.parametrize("case", CASES, ids=[case["text"] for case in CASES])
def test_equals_recording(case: dict[str, Any]) -> None:
    result = phonemize(case["text"], "ja")
    assert result.normalized == case["norm_text"]
    assert list(result.phones) == case["phones"]
    assert list(result.ids) == case["ids"]
    assert result.word2ph is None


def test_percent_and_marks() -> None:
    result = phonemize("50％です！！…", "ja")
    assert result.normalized == "50パーセントです！！…"
    assert "p a a s e ] N t o" in " ".join(result.phones)


def test_a_lexicon_word_overrides_the_dictionary() -> None:
    word = {"薔薇": ["b", "a", "r", "a", "i"]}
    assert "b a r a i" in " ".join(phonemize("薔薇が咲いた", "ja", word).phones)
    assert "b a r a i" not in " ".join(phonemize("薔薇が咲いた", "ja").phones)


@settings(max_examples=80, deadline=None)
@given(st.text(max_size=20) | st.text(st.sampled_from("あいカー々漢字ｱ１9%、。!…ーっゃ a\n"), max_size=20))
def test_any_text_is_read(text: str) -> None:
    result = phonemize(text, "ja")
    assert len(result.phones) == len(result.ids)


@settings(max_examples=60, deadline=None)
@given(st.text(st.sampled_from("あいうえおかきくけこさしすせそなにぬねの"), min_size=1, max_size=12))
def test_every_kana_is_heard(text: str) -> None:
    vowels = sum(phone in {"a", "i", "u", "e", "o"} for phone in phonemize(text, "ja").phones)
    assert vowels == len(text)
