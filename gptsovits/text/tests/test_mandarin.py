from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gptsovits.text import phonemize
from gptsovits.text.mandarin.frontend import _pinyin
from gptsovits.text.mandarin.normalize import normalize
from gptsovits.text.mandarin.syllables import syllable_phones
from gptsovits.text.tests.golden import recorded

CASES = recorded("zh")["cases"]


@pytest.mark.parametrize("case", CASES, ids=[case["text"] for case in CASES])
def test_equals_recording(case: dict[str, Any]) -> None:
    result = phonemize(case["text"], "zh")
    assert result.normalized == case["norm_text"]
    assert list(result.phones) == case["phones"]
    assert list(result.ids) == case["ids"]
    assert list(result.word2ph or ()) == case["word2ph"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-03-05", "二零二四年三月五日"),
        ("今天8:30到9:05", "今天八点半到九点零五分"),
        ("8:00-9:30", "八点至九点半"),
        ("-5℃", "零下五度"),
        ("5km", "五千米"),
        ("3+2=5", "三加二等于五"),
        ("3²", "三的二次方"),
        ("1/2", "二分之一"),
        ("-15%", "负百分之十五"),
        ("010-12345678", "零幺零,幺二三四五六七八"),
        ("10-20岁", "十到二十岁"),
        ("版本1.2.3", "版本一点二点三"),
        ("2个人", "两个人"),
        ("房间305", "房间三零五"),
        ("10005元", "一万零五元"),
        ("1,234,567元", "一百二十三万四千五百六十七元"),
        ("￥9.9", "九点九元"),
        ("①和②", "一和二"),
        ("α射线", "阿尔法射线"),
        ("５个", "五个"),
        ("元/人", "元每人"),
        ("嗯，好", "恩,好"),
        ("100000000", "幺零零零零零零零零"),
    ],
)
def test_written_out(text: str, expected: str) -> None:
    assert normalize(text) == expected


@pytest.mark.parametrize(
    ("syllable", "phones"),
    [
        ("shi4", ("sh", "ir4")),
        ("zi5", ("z", "i05")),
        ("yuan2", ("y", "van2")),
        ("yan2", ("y", "En2")),
        ("ye3", ("y", "E3")),
        ("ju1", ("j", "v1")),
        ("lv4", ("l", "v4")),
        ("er4", ("EE", "er4")),
        ("ai1", ("AA", "ai1")),
        ("o4", ("OO", "o4")),
    ],
)
def test_syllables(syllable: str, phones: tuple[str, str]) -> None:
    assert syllable_phones(syllable) == phones


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("哪里", "na2 li3"),
        ("小姐", "xiao2 jie3"),
        ("我不知道", "wo3 bu4 zhir1 dao4"),
        ("妈妈和我们", "ma1 ma5 he2 wo3 men5"),
        ("男孩儿", "nan2 hai2 EEer2"),
    ],
)
def test_tones_are_those_that_the_base_learned(text: str, expected: str) -> None:
    assert "".join(phonemize(text, "zh").phones) == "".join(expected.split())


@pytest.mark.parametrize(("text", "expected"), [("3×4=12", "三乘四等于十二"), ("6÷2", "六除以二")])
def test_signs_between_numbers_are_no_letters(text: str, expected: str) -> None:
    result = phonemize(text, "zh")
    assert result.normalized == expected
    assert not result.unspoken


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("行长去银行", "hang2 zhang3 qv4 yin2 hang2"),
        ("音乐很快乐", "yin1 yve4 hen3 kuai4 le4"),
        ("重庆很重要", "chong2 qing4 hen3 zhong4 yao4"),
    ],
)
def test_characters_of_several_readings(text: str, expected: str) -> None:
    phones = phonemize(text, "zh").phones
    assert "".join(phones) == "".join(expected.split())


def test_long_pause_marks() -> None:
    assert phonemize("你好^世界，再见￥好", "zh").phones.count("SP3") == 1
    assert phonemize("你好^世界，再见￥好", "zh").phones.count("SP2") == 1


def test_every_character_of_the_basic_range_has_phones() -> None:
    syllables = {syllable for start in range(0x4E00, 0x9FA6) for syllable in _pinyin(chr(start))}
    unknown = {syllable[0] for syllable in syllables if not syllable_phones(syllable)}
    assert unknown == set("兙兡嗧桛烪瓧瓰瓱瓼甅")  # no single-syllable reading exists


def test_words_of_another_language_are_read_in_it() -> None:
    result = phonemize("我用Python写", "zh")
    assert [part.language for part in result.parts] == ["zh", "en", "zh"]
    assert result.word2ph is None
    assert "".join(result.parts[0].normalized) == "我用"


def test_a_dialect_word_is_wrong_before_and_right_after() -> None:
    dialect = {"落雨": ["l", "ao4", "y", "v3"]}
    assert phonemize("要落雨了", "zh").phones[2:4] == ("l", "uo4")
    result = phonemize("要落雨了", "zh", dialect)
    assert result.phones[2:6] == ("l", "ao4", "y", "v3")
    assert result.word2ph == (2, 2, 2, 2)


MIXED = st.text(st.sampled_from("你好一不了儿个二三0123456789年月日元%℃-~/:.,。，！…（）aZ α①한かé\n "), max_size=25)


@settings(max_examples=120, deadline=None)
@given(st.text(max_size=25) | MIXED, st.sampled_from(["zh", "yue"]))
def test_any_text_is_read_with_one_entry_per_character(text: str, language: str) -> None:
    result = phonemize(text, language)
    for part in result.parts or (result,):
        if part.language == language:
            assert part.word2ph is None or len(part.word2ph) == len(part.normalized)
            assert sum(part.word2ph or ()) in {0, len(part.phones)}


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FA5), max_size=12))
def test_no_hanzi_is_lost(text: str) -> None:
    assert len(phonemize(text, "zh").normalized) == len(text)
