"""Chinese written by its sound: pinyin (`yueyu`, `lao nian`, `yue4yu3`) and jyutping (`jyut6 jyu5`), tones ignored."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

from services.catalog.search.lexicon import Lexicon, Units, doubled
from services.catalog.search.sounds import pinyin, sounds_of, toneless
from services.catalog.search.tokens import is_single
from services.catalog.search.words import WordTable

MIN_KEY = 4  # letters; shorter sounds name too much
HINT_KEY = 6  # likewise of a hint or a topic
LONGEST = 6  # typed syllables of one word
_PINYIN = (
    r"(?:[zcs]h|[bpmfdtnlgkhjqxrzcsyw])?"
    r"(?:iang|iong|uang|[iu]?ang|[iu]?eng|[iu]?ong|[iu]?an|ian|iao|uai|[iu]?ai|ao|ou|ei|ia|ie|iu|io|ua|uo|ui|ue"
    r"|en|er|ing|in|un|[aoeiu])"
    r"|[ln][vü]e?"
)
_JYUTPING = (
    r"(?:gw|kw|ng|[bpmfdtnlgkhzcsjw])?"
    r"(?:aa(?:i|u|m|n|ng|p|t|k)?|oe(?:ng|k|t)?|eo[int]|yu[nt]?|[aeiou](?:ng|[iumnptk])|[aeiou]|ng|m)"
)
_MARKED = frozenset("āēīōūǖǎěǐǒǔǚ")  # marks that other languages hardly write: café is no sound
_TONED = re.compile(rf"(?:(?:{_PINYIN}|{_JYUTPING})[1-6]?)+")


@dataclass(frozen=True)
class Phonetics:
    """Words by their sound.

    Attributes:
        known: sound → the lexicon's word for it, in pinyin and in jyutping.
        hinted: sound → its word for a topic or a hint likewise.
        syllables: sound of one character → that character, for those that are terms by themselves.
        common: pinyin → the most frequent ordinary word of that sound.
    """

    known: Mapping[str, Units]
    hinted: Mapping[str, Units]
    syllables: Mapping[str, Units]
    common: Mapping[str, Units]

    @cached_property
    def _longest_hint(self) -> int:
        return max(map(len, self.hinted.values()), default=0)

    @cached_property
    def _longest_sound(self) -> int:
        return max(map(len, (*self.known, *self.syllables)), default=0)

    def term(self, typed: Sequence[str]) -> Units | None:
        """The lexicon's word that was typed by its sound, in one piece or in several; None if there is none."""
        key = _key(typed)
        if found := self.known.get(key) if len(key) >= MIN_KEY else None:
            return found
        return self.hinted.get(key) if len(key) >= HINT_KEY else None

    def word(self, typed: Sequence[str]) -> Units | None:
        """The ordinary word that was typed by its pinyin."""
        key = _key(typed)
        return self.common.get(key) if len(key) >= MIN_KEY + 1 else None

    def cut(self, typed: str) -> tuple[Units, ...]:
        """`laoniannansheng` in words of the lexicon, as few as possible; empty if a part has no such sound."""
        key = _key([typed])
        best: dict[int, tuple[Units, ...]] = {0: ()}
        for end in range(2, len(key) + 1):
            for start in range(max(end - self._longest_sound, 0), end):
                if start not in best:
                    continue
                found = self.known.get(key[start:end]) or self.syllables.get(key[start:end])
                if found and (end not in best or len(best[start]) + 1 < len(best[end])):
                    best[end] = (*best[start], found)
        return best.get(len(key), ())

    def homophone(self, run: Sequence[str]) -> tuple[Units, int] | None:
        """The lexicon's word that sounds as the start of these Han characters, and how many of them it takes."""
        for length in range(min(LONGEST, len(run)), 1, -1):
            found = self.known.get("".join(pinyin(run[:length])))
            if found is not None and len(found) == length:
                return found, length
        return None

    def likely(self, run: Sequence[str]) -> tuple[Units, int] | None:
        """Likewise a word for a topic or a hint; at most one of the characters is left over, as in 宫庭剧."""
        for length in (len(run), len(run) - 1) if len(run) <= self._longest_hint + 1 else ():
            sound = "".join(pinyin(run[:length]))
            found = self.hinted.get(sound) if length > 1 and len(sound) >= HINT_KEY else None
            if found is not None and len(found) == length:
                return found, length
        return None


def _key(typed: Sequence[str]) -> str:
    """The sound that was typed; empty where digits are no tones."""
    if any(toneless(unit) != unit and not toned(unit) for unit in typed):
        return ""
    return toneless("".join(typed)).replace("ü", "v")


@cache
def phonetics(lexicon: Lexicon, words: WordTable) -> Phonetics:
    """The sounds of a lexicon's Chinese words and of the ordinary ones."""
    known: dict[str, Units] = {}
    syllables: dict[str, Units] = {}
    silent: dict[str, Units] = {}
    for term in _named(lexicon):
        target = (silent if term in lexicon.stopwords else known) if len(term) > 1 else syllables
        for sound in sounds_of(term):
            for key in {sound, sound.replace("v", "u")}:
                target.setdefault(key, term)
    return Phonetics(
        {**silent, **known},
        _hinted(lexicon),
        {key: syllables[key] for key in ("nan", "nv", "nu", "naam", "neoi") if key in syllables},
        words.sounds,
    )


def sounding(lexicon: Lexicon) -> Iterator[Units]:
    """The lexicon's words that may be typed by their sound."""
    yield from _named(lexicon)
    yield from _likely(lexicon)


def _named(lexicon: Lexicon) -> Iterator[Units]:
    for term in (*lexicon.terms, *lexicon.stopwords):
        if not doubled(term) and all(is_single(unit) for unit in term):
            yield term


def _likely(lexicon: Lexicon) -> Iterator[Units]:
    for word in lexicon.mended:
        if len(word) > 1 and all(is_single(unit) for unit in word):
            yield word


def _hinted(lexicon: Lexicon) -> dict[str, Units]:
    found: dict[str, Units] = {}
    for word in _likely(lexicon):
        for sound in sounds_of(word):
            found.setdefault(sound, word)
    return found


def toned(unit: str) -> bool:
    """Whether a Latin unit is syllables with the digits or marks of tones: `jyut6jyu5` is, `v2` and `café` are not."""
    marked = not _MARKED.isdisjoint(unit)
    return toneless(unit) != unit and bool(_TONED.fullmatch(toneless(unit) if marked else unit))
