"""Tone changes of Mandarin in running speech: 不, 一, the neutral tone, neighbouring third tones and 儿."""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.resources import files

from gptsovits.text.mandarin.words import Word, halves

_PARTICLES = frozenset("吧呢哈啊呐噻嘛吖嗨哦哒滴哩哟喽啰耶喔诶")
_STRUCTURAL = frozenset("的地得")
_DIRECTIONS = frozenset("上下进出回过起开")
_COUNTS = frozenset("几有两半多各整每做是")
_NUMERALS = frozenset("零一二三四五六七八九十百千万亿两幺0123456789")


def _word_lists() -> dict[str, frozenset[str]]:
    text = files("gptsovits.text").joinpath("data", "mandarin_words.json").read_text("utf-8")
    return {name: frozenset(words.split()) for name, words in json.loads(text).items()}


_LISTS = _word_lists()
_NEUTRAL = _LISTS["neutral_last"]
_NOT_NEUTRAL = _LISTS["never_neutral"]
_ERHUA = _LISTS["always_erhua"]
_NOT_ERHUA = _LISTS["never_erhua"]


def _toned(syllable: str, tone: str) -> str:
    return syllable[:-1] + tone


def _tone(syllable: str) -> str:
    return syllable[-1]


def _change_bu(word: str, syllables: list[str]) -> None:
    if len(word) == 3 and word[1] == "不":
        syllables[1] = _toned(syllables[1], "5")
        return
    for place, char in enumerate(word[:-1]):
        if char == "不" and _tone(syllables[place + 1]) == "4":
            syllables[place] = _toned(syllables[place], "2")


def _change_yi(word: str, syllables: list[str]) -> None:
    if "一" not in word or (len(word) > 1 and _NUMERALS.issuperset(word)):
        return
    if len(word) == 3 and word[1] == "一" and word[0] == word[-1]:
        syllables[1] = _toned(syllables[1], "5")
    elif word.startswith("第一"):
        syllables[1] = _toned(syllables[1], "1")
    else:
        for place, char in enumerate(word[:-1]):
            if char == "一":
                syllables[place] = _toned(syllables[place], "2" if _tone(syllables[place + 1]) == "4" else "4")


def _ends_neutral(word: str, tag: str) -> bool:
    """Whether the last character is neutral by what it is and where it stands."""
    last = word[-1]
    if last in _PARTICLES or last in _STRUCTURAL:
        return True
    if len(word) < 2:
        return False
    if last in "们子" and tag in {"r", "n"} and word not in _NOT_NEUTRAL:
        return True
    if last in "上下里" and tag in {"s", "l", "f"}:
        return True
    return last in "来去" and word[-2] in _DIRECTIONS


def _neutral_ge(word: str) -> int | None:
    """Place of a neutral 个."""
    place = word.find("个")
    counted = place >= 1 and (word[place - 1] in _NUMERALS or word[place - 1] in _COUNTS)
    return place if counted or word == "个" else None


def _is_listed_neutral(word: str) -> bool:
    return word in _NEUTRAL or word[-2:] in _NEUTRAL


def _change_neutral(word: str, tag: str, syllables: list[str]) -> None:
    for place in range(1, len(word)):
        if word[place] == word[place - 1] and tag[:1] in {"n", "v", "a"} and word not in _NOT_NEUTRAL:
            syllables[place] = _toned(syllables[place], "5")
    place_of_ge = _neutral_ge(word)
    if _ends_neutral(word, tag):
        syllables[-1] = _toned(syllables[-1], "5")
    elif place_of_ge is not None:
        syllables[place_of_ge] = _toned(syllables[place_of_ge], "5")
    elif _is_listed_neutral(word):
        syllables[-1] = _toned(syllables[-1], "5")
    end = 0
    for part in halves(word):
        end += len(part)
        if part and _is_listed_neutral(part):
            syllables[end - 1] = _toned(syllables[end - 1], "5")


def _all_third(syllables: Sequence[str]) -> bool:
    return all(_tone(syllable) == "3" for syllable in syllables)


def _raise(syllables: list[str], *places: int) -> None:
    for place in places:
        syllables[place] = _toned(syllables[place], "2")


def _change_third_of_three(word: str, syllables: list[str]) -> None:
    border = len(halves(word)[0])
    if _all_third(syllables):
        _raise(syllables, *((0, 1) if border == 2 else (1,)))
        return
    for start, end in ((0, border), (border, len(word))):
        if end - start == 2 and _all_third(syllables[start:end]):
            _raise(syllables, start)
        elif start and not _all_third(syllables[start:end]) and _all_third(syllables[start - 1 : start + 1]):
            _raise(syllables, start - 1)


def _change_third(word: str, syllables: list[str]) -> None:
    if len(word) == 2 and _all_third(syllables):
        _raise(syllables, 0)
    elif len(word) == 3:
        _change_third_of_three(word, syllables)
    elif len(word) == 4:
        for start in (0, 2):
            if _all_third(syllables[start : start + 2]):
                _raise(syllables, start)


def _change_er(word: Word, syllables: list[str]) -> None:
    """儿 at the end takes the tone of the syllable before it where it colours that syllable."""
    if not word.text.endswith("儿"):
        return
    if syllables[-1] == "er1":
        syllables[-1] = "er2"
    kept = word.text in _NOT_ERHUA or word.tag in {"a", "j", "nr"}
    if (kept and word.text not in _ERHUA) or word.text[-2:] in _NOT_ERHUA or len(syllables) < 2:
        return
    if syllables[-1] in {"er2", "er5"}:
        syllables[-1] = _toned("er2", _tone(syllables[-2]))


def change_tones(word: Word, syllables: Sequence[str]) -> list[str]:
    """The toned pinyin of a word (one per character) with the tones it has in speech."""
    changed = list(syllables)
    _change_bu(word.text, changed)
    _change_yi(word.text, changed)
    _change_neutral(word.text, word.tag, changed)
    _change_third(word.text, changed)
    _change_er(word, changed)
    return changed
