from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gptsovits.text.cutting import METHODS, clauses, cut, cut_lines, halves, merge_short, pieces, split_long
from gptsovits.text.segmentation import segment
from gptsovits.text.sequence import TextError
from gptsovits.text.tests.golden import recorded

GOLDEN = recorded("segmentation")
CUTS = [(case, method) for case in GOLDEN["cuts"] for method in METHODS]


@pytest.mark.parametrize(("case", "method"), CUTS)
def test_cut_equals_recording(case: dict[str, Any], method: str) -> None:
    assert cut_lines(case["text"], method) == case[method]


@pytest.mark.parametrize("case", GOLDEN["cuts"])
def test_clauses_and_long_pieces_equal_recording(case: dict[str, Any]) -> None:
    assert clauses(case["text"]) == case["split"]
    assert split_long(case["text"], 20) == case["split_big_20"]


@pytest.mark.parametrize("case", GOLDEN["pre_seg"])
def test_pieces_equal_recording(case: dict[str, Any]) -> None:
    if isinstance(case["result"], dict):
        with pytest.raises(TextError, match="nothing to speak"):
            pieces(case["text"], case["lang"], case["method"])
    else:
        assert pieces(case["text"], case["lang"], case["method"]) == case["result"]


@pytest.mark.parametrize(
    ("text", "languages"),
    [
        ("12", ["en"]),
        ("Please dial, 5551234", ["en", "en"]),
        ("It’s late – and café hours, $1984", ["en", "en"]),
        ("今天天气很好, 1984", ["zh", "zh"]),
        ("12，34", ["zh"]),
    ],
)
def test_a_number_at_the_end_is_read_as_the_words_before_it(text: str, languages: list[str]) -> None:
    assert [segment(piece, "auto")[-1].language for piece in pieces(text, "auto")] == languages


@pytest.mark.parametrize("case", GOLDEN["merge_short"])
def test_merging_equals_recording(case: dict[str, Any]) -> None:
    assert merge_short(case["inp"], case["threshold"]) == case["out"]


@settings(max_examples=60, deadline=None)
@given(st.text(st.sampled_from("ab 你好，。.!3…—\n~:；"), max_size=80), st.sampled_from(METHODS))
def test_no_cut_loses_letters_or_digits(text: str, method: str) -> None:
    def bare(found: str) -> str:
        return "".join(char for char in found if char.isalnum())

    assert bare("".join(cut(text, method))) == bare(text)
    if bare(text):
        assert bare("".join(pieces(text, "zh", method))) == bare(text)


@pytest.mark.parametrize(
    ("text", "language", "found"),
    [
        ("It costs $1,000,000 today.", "en", ["It costs $1,000,000 today."]),
        ("参加人数为12,500人。", "zh", ["参加人数为12,500人。"]),
        ("価格は1,000円です。", "ja", ["価格は1,000円です。"]),
        ("In 2023, 1,000 cars were sold.", "en", ["In 2023,", " 1,000 cars were sold."]),
        ("We chose 1,2,3 or 4,5678.", "en", ["We chose 1,", "2,3 or 4,", "5678."]),
    ],
)
def test_a_number_is_not_cut_at_its_thousands(text: str, language: str, found: list[str]) -> None:
    assert pieces(text, language) == found


def test_unknown_method_is_refused() -> None:
    with pytest.raises(TextError, match="cut9"):
        cut("text", "cut9")


def test_a_long_piece_without_punctuation_is_cut_at_the_limit() -> None:
    assert [len(piece) for piece in split_long("字" * 1100)] == [510, 510, 80]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One two, three four five six.", ("One two,", " three four five six.")),
        ("It was 3.14159 metres long then", ("It was 3.14159 ", "metres long then")),
        ("At 12:30 or 12:45 or 13:00 sharp", ("At 12:30 or 12:45 ", "or 13:00 sharp")),
        ("一二三四五六", ("一二三", "四五六")),
        ("77777777", ("7777", "7777")),
        ("word......", ("wor", "d......")),
        ("x...", ("x...",)),
        ("...", ("...",)),
        ("", ("",)),
    ],
)
def test_a_piece_is_halved_where_it_hurts_least(text: str, expected: tuple[str, ...]) -> None:
    assert halves(text) == expected


@given(st.text("ab 12.,:。，字かな한!…\n", max_size=60))
def test_halves_are_the_text_and_each_has_a_word(text: str) -> None:
    parts = halves(text)
    assert "".join(parts) == text
    assert len(parts) == 1 or all(any(char.isalnum() for char in part) for part in parts)
