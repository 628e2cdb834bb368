from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gptsovits.merging import NotMergeable, Recipe, Voice, merge, merge_lexicons

BASE = {"en": {"kubectl": ["K", "UW1", "B"], "gif": ["G", "IH1", "F"], "old": ["OW1"]}}
words = st.dictionaries(st.sampled_from("abc"), st.lists(st.sampled_from(["AA1", "B"]), min_size=1, max_size=2))
lexicons = st.dictionaries(st.sampled_from(["en", "zh"]), words)


def test_words_of_both_come_in_and_removed_ones_stay_out() -> None:
    ours = {"en": {**BASE["en"], "nginx": ["EH1", "N"]}}
    theirs = {"en": {"kubectl": ["K", "Y", "UW1"], "gif": ["G", "IH1", "F"]}, "zh": {"重庆": ["ch", "ong2"]}}
    merged, conflicts = merge_lexicons(BASE, ours, theirs)
    assert not conflicts
    assert merged == {
        "en": {"gif": ["G", "IH1", "F"], "kubectl": ["K", "Y", "UW1"], "nginx": ["EH1", "N"]},
        "zh": {"重庆": ["ch", "ong2"]},
    }


def test_a_word_that_both_changed_is_shown_and_merged_only_by_choice() -> None:
    ours, theirs = ({"en": {**BASE["en"], "gif": [phone, "IH1", "F"]}} for phone in ("JH", "Y"))
    merged, conflicts = merge_lexicons(BASE, ours, theirs)
    assert "gif" not in merged["en"]
    (conflict,) = conflicts
    assert conflict.place == "en/gif"
    assert all(part in conflict.message_en for part in ("gif", "G IH1 F", "JH IH1 F", "Y IH1 F"))
    base, mine, other = (Voice({}, lexicons=lexicon) for lexicon in (BASE, ours, theirs))
    with pytest.raises(NotMergeable, match="gif"):
        merge(base, mine, other)
    assert merge(base, mine, other, Recipe(lexicon="theirs")).voice.lexicons["en"]["gif"] == ["Y", "IH1", "F"]
    assert merge(base, mine, other, Recipe(lexicon="ours")).voice.lexicons["en"]["gif"] == ["JH", "IH1", "F"]


@given(lexicons, lexicons, lexicons)
def test_symmetric_and_idempotent(base: dict, ours: dict, theirs: dict) -> None:  # type: ignore[type-arg]
    there, back = merge_lexicons(base, ours, theirs), merge_lexicons(base, theirs, ours)
    assert there[0] == back[0]
    assert [c.place for c in there[1]] == [c.place for c in back[1]]
    full = {language: entries for language, entries in ours.items() if entries}
    assert merge_lexicons(base, ours, ours) == (full, [])
    assert merge_lexicons(base, ours, base) == (full, [])
