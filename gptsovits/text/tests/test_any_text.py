"""No text crashes a front end, and no word is lost silently: it changes the phones, or it is listed as unspoken."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gptsovits.runtime.speaking import left_out, text_frontend
from gptsovits.text import phonemize
from gptsovits.text.sequence import NothingReadable
from gptsovits.text.symbols import phone_ids

LANGUAGES = ("en", "zh", "yue", "ja", "ko", "auto")
SCRIPTS = {
    "latin": "abcdefgiklmnoprstuvwyzABCMOT",
    "accented": "éüñçøåß",
    "han": "中文天气好学习语言声音山水火土爱读书写字",
    "kana": "あいうかきくさしすたちつなにのまみらりるれアイカサタナマラ",
    "hangul": "가나다라마바사아자차한국어말소리",
    "cyrillic": "абвгдежзик",
    "arabic": "ابتثجح",
    "digits": "0123456789",
}
WORDS = st.one_of(*(st.text(alphabet, min_size=1, max_size=6) for alphabet in SCRIPTS.values()))
MARKS = st.sampled_from([" ", ", ", ". ", "! ", "，", "。", " — "])
CALM = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_crashes(language: str) -> None:
    @given(st.text(max_size=40))
    @CALM
    def reads(text: str) -> None:
        result = phonemize(text, language)
        assert result.ids == phone_ids(result.phones)
        assert all(0 <= word.start <= word.end <= len(result.phones) for word in result.words)
        if result.word2ph is not None:
            assert sum(result.word2ph) == len(result.phones)
            assert len(result.word2ph) == len(result.normalized)

    reads()


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_word_is_lost_silently(language: str) -> None:
    @given(st.lists(WORDS, min_size=1, max_size=4), MARKS)
    @CALM
    def keeps(words: list[str], mark: str) -> None:
        whole = phonemize(mark.join(words), language)
        for place in range(len(words)):
            left = phonemize(mark.join(words[:place] + words[place + 1 :]), language)
            assert (left.phones, left.unspoken) != (whole.phones, whole.unspoken), words[place]

    keeps()


@pytest.mark.parametrize("language", LANGUAGES)
def test_pieces_of_a_text_say_all_of_it_or_it_is_told(language: str) -> None:
    @given(st.lists(st.text("中文天气好abcdefg", min_size=1, max_size=9), min_size=1, max_size=12), MARKS)
    @CALM
    def covers(words: list[str], mark: str) -> None:
        text = mark.join(words)
        try:
            spoken = "".join(piece.text for piece in text_frontend(text, language))
        except NothingReadable:
            spoken = ""
        told = set("".join(left_out(text, language)))
        for word in words:
            assert word in spoken or told.issuperset(word)

    covers()
