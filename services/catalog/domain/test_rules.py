"""Cards, declarations, names, files and visibility."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from services.catalog.domain.card import check_card, problems, schema
from services.catalog.domain.declaration import Declaration, canonical_license, declare
from services.catalog.domain.names import check_repository, filename_problem, is_version_id
from services.catalog.domain.uploads import Upload, check_uploads
from services.catalog.domain.visibility import missing_repository, require_account
from services.common.errors import Invalid, Unauthenticated, Unprocessable
from services.common.identity import Identity

DECLARED = declare("self-recorded", "cc-by-4.0", "self")
STAGES = [Upload("s1", "a.ckpt", "1" * 64, 1), Upload("s2", "a.pth", "2" * 64, 1)]
json_values = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(schema())


def test_a_card_takes_what_was_declared() -> None:
    card = check_card({"languages": ["yue"], "license": "MIT", "x-note": 1}, DECLARED, [])
    assert (card["license"], card["source"], card["consent"]) == ("CC-BY-4.0", "self-recorded", "self")
    assert card["x-note"] == 1


@pytest.mark.parametrize(
    ("card", "field", "sentence"),
    [
        ({}, "card.languages", "is missing"),
        ({"languages": []}, "card.languages", "must have at least 1 entries"),
        ({"languages": ["not a tag"]}, "card.languages[0]", "must be a BCP 47 language tag such as en, zh or yue"),
        ({"languages": ["en"], "age": 60}, "card.age", "must be one of: child, teen, young, middle, senior"),
        ({"languages": ["en"], "prompts": [{}]}, "card.prompts[0].file", "is missing"),
        (
            {"languages": ["en"], "prompts": [{"file": "a.wav", "language": "xx"}]},
            "card.prompts[0].language",
            "must be one of: en, zh, yue, ja, ko",
        ),
        ({"languages": ["en"], "tags": "warm"}, "card.tags", "must be of type array"),
        ({"languages": ["en"], "emotion": []}, "card", "has unknown keys (emotion); did you mean 'emotions'?"),
    ],
)
def test_a_wrong_card_says_where_and_what(card: dict[str, object], field: str, sentence: str) -> None:
    assert problems(card)[field] == sentence
    with pytest.raises(Unprocessable) as caught:
        check_card(card, DECLARED, [])
    assert caught.value.fields[field] == sentence
    assert caught.value.hint


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.dictionaries(st.sampled_from([*schema()["properties"], "other"]), json_values, max_size=5))
def test_no_card_breaks_the_validation(card: dict[str, object]) -> None:
    assert all(path.startswith("card") and sentence for path, sentence in problems(card).items())


def test_a_prompt_of_the_card_must_be_uploaded() -> None:
    card = {"languages": ["en"], "prompts": [{"file": "prompts/a.wav", "text": "Hi", "language": "en"}]}
    check_card(card, DECLARED, ["a.wav"])
    with pytest.raises(Unprocessable) as caught:
        check_card(card, DECLARED, ["b.wav"])
    assert "card.prompts[0].file" in caught.value.fields


def test_a_declaration_needs_all_three_parts() -> None:
    assert isinstance(declare(" me ", "LicenseRef-my-terms", "licensed"), Declaration)
    with pytest.raises(Unprocessable) as caught:
        declare("", "", "")
    assert set(caught.value.fields) == {"declaration.source", "declaration.license", "declaration.consent"}
    with pytest.raises(Unprocessable) as caught:
        declare("me", "CC-BY-4", "self")
    assert "did you mean CC-BY-4.0" in caught.value.fields["declaration.license"]
    assert canonical_license("mit") == "MIT"


@pytest.mark.parametrize(("owner", "name"), [("ann", "a"), ("Ann-1", "my.voice_2"), ("a", "x" * 64)])
def test_good_names(owner: str, name: str) -> None:
    check_repository(owner, name)


@pytest.mark.parametrize(
    ("owner", "name", "field"),
    [("", "a", "owner"), ("ann", "", "name"), ("ann", "../x", "name"), ("ann", "a..b", "name"), ("ann", "声音", "name"),
     ("ann", "A", "name"), ("ann", "x" * 65, "name"), ("ann", "a\n", "name"), ("a/b", "a", "owner")],
)  # fmt: skip
def test_bad_names(owner: str, name: str, field: str) -> None:
    with pytest.raises(Invalid) as caught:
        check_repository(owner, name)
    assert set(caught.value.fields) == {field}


@pytest.mark.parametrize("filename", ["", "/etc/passwd", "../a", "a/../b", "a//b", "a\\b", "a\x00b", "x" * 256])
def test_bad_filenames(filename: str) -> None:
    assert filename_problem(filename)


def test_good_filenames_and_ids() -> None:
    assert filename_problem("prompts/声音.wav") == ""
    assert is_version_id("0" * 32)
    assert not is_version_id("main")


@pytest.mark.parametrize(
    ("uploads", "field"),
    [
        (STAGES[:1], "files.s2"),
        ([*STAGES, STAGES[0]], "files.s1"),
        ([*STAGES, Upload("plan", "a", "3" * 64, 1)], "files[2].role"),
        ([*STAGES, Upload("prompt", "../a", "3" * 64, 1)], "files[2].filename"),
        ([*STAGES, *[Upload("prompt", "a.wav", "3" * 64, 1)] * 2], "files.prompt"),
        ([*STAGES, *[Upload("prompt", f"{n}.wav", "3" * 64, 1) for n in range(63)]], "files"),
    ],
)
def test_files_that_make_no_voice(uploads: list[Upload], field: str) -> None:
    check_uploads(STAGES)
    with pytest.raises(Unprocessable) as caught:
        check_uploads(uploads)
    assert set(caught.value.fields) == {field}


def test_who_acts_has_an_account() -> None:
    for who in (Identity("", "gateway"), Identity("", "inference", frozenset({"service"}))):
        with pytest.raises(Unauthenticated):
            require_account(who)
    assert require_account(Identity("ann", "gateway")) == "ann"
    assert missing_repository("a", "b").message == "There is no repository a/b."
