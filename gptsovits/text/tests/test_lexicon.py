import pytest

from gptsovits.text import TextError, phonemize

DIALECT = {"scone": ["S", "K", "AA1", "N"]}


def test_a_dialect_word_is_wrong_before_and_right_after() -> None:
    before = phonemize("Eat a scone now.", "en")
    after = phonemize("Eat a Scone now.", "en", DIALECT)
    assert "S K OW1 N" in " ".join(before.phones)
    assert "AH0 S K AA1 N N AW1" in " ".join(after.phones)
    assert after.normalized == "Eat a Scone now."


def test_only_whole_words_match() -> None:
    assert phonemize("Eat scones.", "en", DIALECT) == phonemize("Eat scones.", "en")


def test_a_word_in_capitals_is_not_spelled_when_listed() -> None:
    assert phonemize("NASA flew.", "en", {"NASA": ["N", "AE1", "S", "AH0"]}).phones[:4] == ("N", "AE1", "S", "AH0")


@pytest.mark.parametrize("word", ["İstanbul", "ıstanbul"])
def test_a_letter_that_only_ignoring_case_is_the_same_is_found(word: str) -> None:
    lexicon = {"Istanbul": ["IH0", "S", "T"]}
    assert phonemize(f"{word} is big", "en", lexicon).phones[:4] == ("IH0", "S", "T", "IH1")


@pytest.mark.parametrize(
    ("word", "phones", "said"),
    [
        ("Siobhan", "SH IH0 V AO1 N", "SH IH0 V AO1 N Z"),
        ("Beth", "B EH1 TH", "B EH1 TH S"),
        ("Bosch", "B AO1 SH", "B AO1 SH AH0 Z"),
    ],
)
@pytest.mark.parametrize("mark", ["'", "’"])
def test_the_possessive_of_a_listed_word_ends_as_speech_does(word: str, phones: str, said: str, mark: str) -> None:
    result = phonemize(f"{word}{mark}s book", "en", {word: phones.split()})
    assert " ".join(result.phones) == f"{said} B UH1 K"


@pytest.mark.parametrize("entry", [{"word": ["XX"]}, {"word": []}, {" ": ["N"]}])
def test_wrong_entries_are_named(entry: dict[str, list[str]]) -> None:
    with pytest.raises(TextError, match="lexicon entry"):
        phonemize("Some word.", "en", entry)
