"""Marked-up text: what is understood, and what is said about the rest."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.common.errors import Invalid
from services.inference.domain.script import Break, Stretch
from services.inference.domain.ssml import parse

PIECES = (
    "<speak>", "</speak>", "<break/>", '<break time="1s"/>', "<say-as interpret-as='characters'>", "</say-as>",
    '<phoneme ph="AA1">', "</phoneme>", "<!DOCTYPE a>", "<!-- ", " -->", "<![CDATA[", "]]>", "&amp;", "&#0;", "\ua500",
    "utf-16", "foo",
)  # fmt: skip


def test_breaks_cut_the_text() -> None:
    found = parse('<speak>Good &amp; bad.<break time="500ms"/> Then <break strength="none"/><break/>.</speak>')
    assert found == (Stretch("Good & bad."), Break(0.5), Stretch("Then"), Break(0.0), Break(0.4))
    assert parse('<speak><break time="1.5s"/>x</speak>') == (Break(1.5), Stretch("x"))


def test_spelled_words_become_letters() -> None:
    (found,) = parse('<speak>Say <say-as interpret-as="spell-out">Nato 4a</say-as>!</speak>')
    assert isinstance(found, Stretch)
    assert found.text == "Say  N A T O 4 A !"
    assert parse('<speak><say-as interpret-as="characters">ab</say-as></speak>') == (Stretch("A B"),)


def test_given_phones_stand_for_their_word_once_each() -> None:
    (found,) = parse(
        '<speak>I <phoneme alphabet="x-voicehub" ph="R EH1 D">read</phoneme> what you '
        '<phoneme ph="R IY1 D">read</phoneme>, <phoneme alphabet="x-pinyin" ph="ni3 hao3">你好</phoneme> '
        '<phoneme alphabet="x-jyutping" ph="nei5">你</phoneme></speak>'
    )
    assert isinstance(found, Stretch)
    assert [word.phones for word in found.given.values()] == [
        ("R", "EH1", "D"), ("R", "IY1", "D"), ("n", "i3", "h", "ao3"), ("Yn", "Yei5"),
    ]  # fmt: skip
    assert [word.text for word in found.given.values()] == ["read", "read", "你好", "你"]
    assert found.characters == len("I read what you read, 你好 你")


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=8), max_size=12).map("".join))
@settings(max_examples=300, deadline=None)
def test_whatever_is_written_it_is_a_script_or_refused_with_a_hint(inner: str) -> None:
    for document in (inner, f"<speak>{inner}</speak>", f'<?xml version="1.0" encoding="{inner}"?><speak>a</speak>'):
        try:
            found = parse(document)
        except Invalid as error:
            refused = error
        else:
            assert all(isinstance(item, Break) or item.text for item in found)
            continue
        assert refused.hint
        assert refused.message.endswith(".")


@pytest.mark.parametrize(
    ("document", "place", "hint"),
    [
        ("hello", "Line 1, column 1", "Close every element"),
        ("<p>hello</p>", "Line 1, column 1: the document begins with <p>", "<speak>"),
        ("<speak>\n a <emphasis>b</emphasis></speak>", "Line 2, column 4: <emphasis> is", "leave others"),
        ("<speak>a<break time='soon'/></speak>", "Line 1, column 9: this break", "500ms"),
        ("<speak>a<break time='11s'/></speak>", "lasts 11 s", "At most 10 s"),
        ("<speak>a<break length='1s'/></speak>", "<break> has no length", "strength, time"),
        ("<speak><break>a</break></speak>", "<break> holds text", "500ms"),
        ("<speak><say-as interpret-as='date'>1</say-as></speak>", "interpret-as='date'", "spell-out"),
        ("<speak><phoneme alphabet='ipa' ph='a'>a</phoneme></speak>", "'ipa'", "x-voicehub"),
        ("<speak><phoneme ph='QQ'>a</phoneme></speak>", "'QQ' is no sound", "symbols.json"),
        (f"<speak><phoneme ph='{'AA1 ' * 101}'>a</phoneme></speak>", "101 phones", "At most 100"),
        ("<speak><phoneme>a</phoneme></speak>", "has no ph", "HH AH0"),
        ("<speak><say-as interpret-as='characters'><break/></say-as></speak>", "<break> inside <say-as>", "beside"),
        ("<speak>a", "Line 1", "Close every element"),
        ('<!DOCTYPE s [<!ENTITY a "b">]><speak>&a;</speak>', "document type", "DOCTYPE"),
    ],
)
def test_what_is_not_understood_is_refused_with_its_place(document: str, place: str, hint: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse(document)
    assert place in refused.value.message
    assert hint in refused.value.hint
    assert refused.value.reason == "INVALID_SSML"
