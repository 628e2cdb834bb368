"""Word segmentation, and the joining of words whose tones change together."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

_LONGEST_JOINED = 3


@dataclass(frozen=True)
class Word:
    """A word and its part of speech in the tag set of jieba."""

    text: str
    tag: str


@cache
def _tokenizers() -> tuple[Any, Any]:
    """Word and word-with-tag tokenizers.

    The dictionary is read from the package itself: the library's own start would load a cache file that any user
    of the machine can write.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        import jieba
        import jieba.posseg
    words = jieba.Tokenizer()
    words.FREQ, words.total = words.gen_pfdict(words.get_dict_file())
    words.initialized = True
    return words, jieba.posseg.POSTokenizer(words)


def segment_words(text: str) -> list[Word]:
    """Words of a sentence with their tags."""
    return [Word(pair.word, pair.flag) for pair in _tokenizers()[1].lcut(text)]


def halves(word: str) -> tuple[str, str]:
    """A word cut at the edge of its shortest inner word."""
    shortest: str = min(_tokenizers()[0].cut_for_search(word), key=len)
    if word.startswith(shortest):
        return shortest, word[len(shortest) :]
    return word[: -len(shortest)], shortest


def _join_bu(words: Sequence[Word]) -> list[Word]:
    """不 goes to the word behind it."""
    joined: list[Word] = []
    held = ""
    for word in words:
        if word.text == "不" and not held:
            held = "不"
            continue
        joined.append(Word(held + word.text, word.tag))
        held = ""
    return [*joined, Word("不", "d")] if held else joined


def _join_yi(words: Sequence[Word]) -> list[Word]:
    """一 between two equal verbs joins them (看一看); any other 一 goes to the word behind it."""
    joined: list[Word] = []
    waiting = list(reversed(words))
    while waiting:
        word = waiting.pop()
        if joined and joined[-1].tag == "v" and word.text == "一" and waiting and waiting[-1].text == joined[-1].text:
            joined[-1] = Word(f"{joined[-1].text}一{waiting.pop().text}", "v")
        elif joined and joined[-1].text == "一":
            joined[-1] = Word("一" + word.text, joined[-1].tag)
        else:
            joined.append(word)
    return joined


def _join_repeated(words: Sequence[Word]) -> list[Word]:
    joined: list[Word] = []
    for word in words:
        if joined and joined[-1].text == word.text:
            joined[-1] = Word(joined[-1].text + word.text, joined[-1].tag)
        else:
            joined.append(word)
    return joined


def _join_er(words: Sequence[Word]) -> list[Word]:
    """儿 goes to the word before it."""
    joined: list[Word] = []
    for word in words:
        if joined and word.text == "儿":
            joined[-1] = Word(joined[-1].text + "儿", joined[-1].tag)
        else:
            joined.append(word)
    return joined


Tones = Callable[[str], str]
"""Tone digits of a word, one per character."""


def _join_third_tones(words: Sequence[Word], meets: Callable[[str, str], bool], tones: Tones) -> list[Word]:
    """Joins a word to the one before where their tones meet so, up to three characters, never three words."""
    joined: list[Word] = []
    was_joined = False
    previous = ""
    for word in words:
        current = tones(word.text)
        repeated = bool(joined) and len(joined[-1].text) == 2 and joined[-1].text[0] == joined[-1].text[1]
        fits = bool(joined) and len(joined[-1].text) + len(word.text) <= _LONGEST_JOINED
        if fits and not was_joined and not repeated and previous and current and meets(previous, current):
            joined[-1] = Word(joined[-1].text + word.text, joined[-1].tag)
            was_joined = True
        else:
            joined.append(word)
            was_joined = False
        previous = current
    return joined


def _all_third(before: str, after: str) -> bool:
    return set(before) == set(after) == {"3"}


def _third_at_border(before: str, after: str) -> bool:
    return before[-1] == after[0] == "3"


def join_for_sandhi(words: Sequence[Word], tones: Tones) -> list[Word]:
    """Words joined as far as their tones influence each other."""
    joined = _join_repeated(_join_yi(_join_bu(words)))
    joined = _join_third_tones(joined, _all_third, tones)
    joined = _join_third_tones(joined, _third_at_border, tones)
    return _join_er(joined)
