from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gptsovits.text import TextError, phonemize
from gptsovits.text.english.frontend import pronounce
from gptsovits.text.english.letter_to_sound import predict
from gptsovits.text.english.normalize import normalize
from gptsovits.text.tests.golden import recorded

CASES = recorded("en")["cases"]


@pytest.mark.parametrize("case", CASES, ids=[case["text"] for case in CASES])
def test_equals_recording(case: dict[str, Any]) -> None:
    result = phonemize(case["text"], "en")
    assert result.normalized == case["norm_text"]
    assert list(result.phones) == case["phones"]
    assert list(result.ids) == case["ids"]
    assert result.word2ph is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It is 3:30 p.m. now.", "It is three thirty p.m. now."),
        ("At 15:30.", "At three thirty p.m."),
        ("At 9:00.", "At nine o'clock a.m."),
        ("In 2005 and 1900.", "In two thousand five and nineteen hundred."),
        ("A 5km/h wind.", "A five kilometers per hour wind."),
        ("It costs $1 or $0.50.", "It costs one dollar or fifty cents."),
        ("It costs £20.", "It costs twenty pounds."),
        ("Pi is 3.14.", "Pi is three point one four."),
        ("About 3/4 of 1,234,567.", "About three fourths of one million, two hundred thirty-four thousand, "
         "five hundred sixty-seven."),
        ("1. Open it.", "first, Open it."),
        ("5 + 3", "five plus three"),
        ("100% sure", "one hundred percent sure"),
        ("Café naïve", "Cafe naive"),
        ("don’t", "don't"),
        ("the 21st", "the twenty-first"),
        ("10kg", "ten kg"),
        ("24GB", "twenty-four G B"),
        ("An MP3 of H2O, v2.5", "An M P three of H two O, v two point five"),
        ("٣ apples", "three apples"),
    ],
)  # fmt: skip
def test_written_out(text: str, expected: str) -> None:
    assert normalize(text) == expected


def _said(text: str, word: str) -> str:
    return next(" ".join(spoken.phones) for spoken in pronounce(normalize(text)) if spoken.text.lower() == word)


@pytest.mark.parametrize(
    ("text", "word", "phones"),
    [
        ("I will record it.", "record", "R AH0 K AO1 R D"),
        ("He broke the record.", "record", "R EH1 K ER0 D"),
        ("They present the prize.", "present", "P R IY0 Z EH1 N T"),
        ("She got a present.", "present", "P R EH1 Z AH0 N T"),
        ("I have read the book.", "read", "R EH1 D"),
        ("I like to read.", "read", "R IY1 D"),
        ("A lead pipe.", "lead", "L EH1 D"),
        ("They lead the way.", "lead", "L IY1 D"),
        ("We live here.", "live", "L IH1 V"),
        ("A live show.", "live", "L AY1 V"),
        ("Please close the door.", "close", "K L OW1 Z"),
        ("To use a tool.", "use", "Y UW1 Z"),
        ("It is of no use.", "use", "Y UW1 S"),
        ("The wind blows.", "wind", "W IH1 N D"),
        ("You wind the clock.", "wind", "W AY1 N D"),
        ("A tear fell.", "tear", "T IH1 R"),
        ("Do not tear it.", "tear", "T EH1 R"),
        ("We estimate the cost.", "estimate", "EH1 S T AH0 M EY2 T"),
        ("An estimate.", "estimate", "EH1 S T AH0 M AH0 T"),
    ],
)
def test_homographs(text: str, word: str, phones: str) -> None:
    assert _said(text, word) == phones


@pytest.mark.parametrize(
    ("word", "phones"),
    [
        ("zibbit's", "Z IH1 B IH0 T S"),
        ("xq", "EH1 K S K Y UW1"),
        ("sunflowerseed", "S AH1 N F L AW2 ER0 S IY1 D"),
        ("shhh", "EH1 S EY1 CH EY1 CH EY1 CH"),
        ("hhhh's", "EY1 CH EY1 CH EY1 CH EY1 CH AH0 Z"),
        ("well-known", "W EH1 L N OW1 N"),
    ],
)
def test_unlisted_words(word: str, phones: str) -> None:
    assert _said(word, word) == phones


def test_spelling_rules_read_a_made_up_word() -> None:
    assert predict("blicket") == ("B", "L", "IH1", "K", "AH0", "T")


def test_a_short_utterance_gets_a_leading_comma() -> None:
    assert phonemize("Hi", "en").phones == (",", "HH", "AY1")


def test_word_spans_cover_their_phones() -> None:
    result = phonemize("Hello world.", "en")
    assert [(word.text, result.phones[word.start : word.end]) for word in result.words] == [
        ("Hello", ("HH", "AH0", "L", "OW1")),
        ("world", ("W", "ER1", "L", "D")),
        (".", (".",)),
    ]


def test_foreign_words_are_reported() -> None:
    assert phonemize("Say привет and 你好.", "en").unspoken == ("привет", "你好")


def test_unknown_language_is_refused() -> None:
    with pytest.raises(TextError, match="'xx' is not supported; use one of"):
        phonemize("text", "xx")


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=40))
def test_any_text_is_read(text: str) -> None:
    result = phonemize(text, "en")
    assert len(result.phones) == len(result.ids)
    assert all(word.end > word.start for word in result.words)


WORDS = st.lists(st.text(st.characters(min_codepoint=97, max_codepoint=122), min_size=1, max_size=9), max_size=5)


@settings(max_examples=60, deadline=None)
@given(WORDS)
def test_every_word_gets_phones(words: list[str]) -> None:
    spoken = {word.text for word in phonemize(" ".join(words), "en").words}
    assert set(words) <= spoken
