"""Reading a statement of a query: terms as they are written, misspelt, or written by their sound; the rest is text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from threading import Lock

from services.catalog.search.lexicon import Facet, Lexicon, Units, doubled
from services.catalog.search.phonetics import LONGEST, Phonetics, phonetics, toned
from services.catalog.search.senses import senses
from services.catalog.search.sounds import pinyin, toneless
from services.catalog.search.spelling import Speller, speller
from services.catalog.search.tokens import is_single, stems
from services.catalog.search.words import WordTable, load_words

_MAKING = Lock()
_OF_A_VERB = ("得",)  # behind one: 嗓子压得低 is no 嗓子哑
_VARIANT_LEAST = 3  # characters of a word in which one may be wrong


@dataclass(frozen=True)
class Reading:
    """A piece of a statement: what it means, or nothing (free text), whether it is denied, and how it was typed.

    `typed` is empty for what was read as it stands.
    """

    piece: Units
    facets: tuple[Facet, ...] = ()
    denied: bool = False
    typed: Units = ()


@dataclass(frozen=True)
class Part:
    """Units of a statement that were read together, and what they were read as."""

    typed: Units
    meant: Units


@dataclass(frozen=True, eq=False)
class Reader:
    """Reads statements by a lexicon, the ordinary words, their sounds and their spelling."""

    lexicon: Lexicon
    words: WordTable
    sounds: Phonetics
    speller: Speller
    variants: Mapping[Units, Sequence[Units]]

    @classmethod
    def of(cls, lexicon: Lexicon) -> Reader:
        """The reader of a lexicon; made once, whoever else asks meanwhile waits for it."""
        with _MAKING:
            return _reader(lexicon)

    def read(self, clause: Sequence[str]) -> list[Reading]:
        """The readings of one statement, in order; words that say nothing are left out."""
        parts = [*self._parts(clause)]
        mended = tuple(unit for part in parts for unit in part.meant)
        origin = [part for part in parts for _ in part.meant]
        found: list[Reading] = []
        run: list[str] = []
        refused = False  # what is in the run
        end = 0
        for piece, facets, denied in self.lexicon.readings(mended, self.words.han):
            start, end = end, end + len(piece)
            known = facets or piece in self.lexicon.silent or piece in self.lexicon.denials.signs
            alone = len(piece) == 1 and is_single(piece[0]) and piece not in self.lexicon.suggests
            lone = not known and alone
            if not lone or denied != refused:
                found += self._text(run, refused, origin[start - len(run) : start])
                run = []
            if lone:
                run.append(piece[0])
                refused = denied
            elif facets or not known:
                found.append(Reading(piece, facets, denied, _typed(origin[start:end])))
        return found + self._text(run, refused, origin[end - len(run) : end])

    def mended(self, clause: Sequence[str]) -> Units:
        """A statement with what was typed by its sound in characters, and without slips."""
        return tuple(unit for part in self._parts(clause) for unit in part.meant)

    def _parts(self, clause: Sequence[str]) -> Iterator[Part]:
        """The statement with sounds written as characters and slips mended."""
        for han, group in groupby(clause, is_single):
            run = tuple(group)
            yield from self._han(run) if han else self._latin(run)

    def _latin(self, run: Units) -> Iterator[Part]:
        """Latin words: those of the lexicon, then sounds in as many pieces as were typed, then spelling."""
        start = 0
        spoken = self._spoken(run)
        while start < len(run):
            taken, piece = self._latin_piece(run, start, spoken)
            yield Part(run[start : start + taken], piece)
            start += taken

    def _latin_piece(self, run: Units, start: int, spoken: bool) -> tuple[int, Units]:
        if not spoken:
            for length in range(min(self.lexicon.longest, len(run) - start), 0, -1):
                piece = run[start : start + length]
                if self.lexicon.knows(piece):
                    return length, piece
        for length in range(min(LONGEST, len(run) - start), 0, -1):
            piece = run[start : start + length]
            tones = all(toned(unit) for unit in piece)
            if not (spoken or tones) and (length == 1) == (piece[0] in self.words):
                continue
            if heard := self.sounds.term(piece):
                return length, heard
        unit = run[start]
        if (spoken or toned(unit)) and toneless(unit) in self.sounds.syllables:
            return 1, self.sounds.syllables[toneless(unit)]
        if unit in self.words or (unit,) in self.lexicon.terms:
            return 1, (unit,)
        if parts := self.sounds.cut(unit):
            return 1, tuple(character for part in parts for character in part)
        if heard := self.sounds.word((unit,)):
            return 1, heard
        return 1, (self.speller.mend(unit),)

    def _spoken(self, run: Units) -> bool:
        """Whether the run is Chinese written by sound: some piece is, that is no English word and no known term."""
        for start in range(len(run)):
            for length in range(1, min(LONGEST, len(run) - start) + 1):
                piece = run[start : start + length]
                if any(len(unit) > 6 or (unit,) in self.lexicon.stopwords for unit in piece) and length > 1:
                    continue
                if any(map(toned, piece)):  # tells its sound by itself, and nothing of the words beside it
                    continue
                new = length > 1 or (piece not in self.lexicon.terms and piece[0] not in self.words)
                if new and self.sounds.term(piece):
                    return True
        return False

    def _han(self, run: Units) -> Iterator[Part]:
        """Han characters, with homophones and single wrong characters of a longer word put right."""
        start = 0
        for at, term in self._misheard(run):
            yield from self._cut(run[start:at])
            yield Part(run[at : at + len(term)], term)
            start = at + len(term)
        yield from self._cut(run[start:])

    def _misheard(self, run: Units) -> Iterator[tuple[int, Units]]:
        """Where a term stands of which one character was typed as another of its sound: 北京化, 奶生奶气.

        That character is part of no other word: 花 of 北京花园 is none of a language.
        """
        end = 0
        alone = [len(piece) == 1 for piece, _ in self.lexicon.segments(run, self.words.han) for _ in piece]
        for at in range(len(run)):
            for length in (4, 3) if at >= end else ():
                typed, verb = run[at : at + length], run[at + length : at + length + 1] == _OF_A_VERB
                whole = len(typed) == length and typed not in self.words.han and not verb
                term = self._of_its_sound(typed, alone[at : at + length]) if whole else None
                if term is not None:
                    yield at, term
                    end = at + length
                    break

    def _of_its_sound(self, typed: Units, alone: Sequence[bool]) -> Units | None:
        for wrong in (place for place, apart in enumerate(alone) if apart and not self._denies(typed[place])):
            for term in self.variants.get((*typed[:wrong], "", *typed[wrong + 1 :]), ()):
                if term not in self.lexicon.counted and pinyin(typed[wrong]) == pinyin(term[wrong]):
                    return term
        return None

    def _denies(self, unit: str) -> bool:
        """Whether a character denies what follows: 语速不慢 is no slip for 语速很慢."""
        return (unit,) in self.lexicon.denials.negations

    def _cut(self, run: Units) -> Iterator[Part]:
        unknown: list[str] = []
        for piece, facets in self.lexicon.segments(run, self.words.han):
            if not facets and len(piece) == 1 and piece not in self.lexicon.silent:
                unknown += piece
                continue
            if unknown and facets and len(piece) == 1:
                unknown += piece
                continue
            yield from self._unknown(unknown)
            unknown = []
            yield Part(piece, piece)
        yield from self._unknown(unknown)

    def _unknown(self, run: Sequence[str]) -> Iterator[Part]:
        start = 0
        while start < len(run):
            rest = tuple(run[start:])
            heard = self.sounds.homophone(rest) if (rest[0],) not in self.lexicon.terms or len(rest) > 1 else None
            heard = heard or self._variant(rest) or self._likely(rest)
            piece, length = heard or ((run[start],), 1)
            yield Part(rest[:length], piece)
            start += length

    def _likely(self, run: Units) -> tuple[Units, int] | None:
        """The word for a topic or the hint that sounds so; not what is a word by itself, such as 外教 for 外交."""
        found = self.sounds.likely(run)
        return found if found and "".join(run[: found[1]]) not in senses() else None

    def _variant(self, run: Units) -> tuple[Units, int] | None:
        for length in range(min(4, len(run)), _VARIANT_LEAST - 1, -1):
            for wrong in (place for place in range(length) if not self._denies(run[place])):
                found = self.variants.get((*run[:wrong], "", *run[wrong + 1 : length]))
                if found:
                    return found[-1], length
        return None

    def _text(self, run: Sequence[str], denied: bool, origin: Sequence[Part]) -> list[Reading]:
        return [Reading(tuple(run), denied=denied, typed=_typed(origin))] if run else []


def _typed(origin: Sequence[Part]) -> Units:
    """How the parts were typed that a reading is from; empty if just so, or where an index holds both alike."""
    parts = [next(same) for _, same in groupby(origin, id)]
    same = all(stems(part.typed) == stems(part.meant) for part in parts)
    return () if same else tuple(unit for part in parts for unit in part.typed)


@cache
def _reader(lexicon: Lexicon) -> Reader:
    words = load_words()
    variants: dict[Units, list[Units]] = {}
    for term in lexicon.terms:
        if len(term) >= _VARIANT_LEAST and not doubled(term) and all(is_single(unit) for unit in term):
            for place in range(len(term)):
                variants.setdefault((*term[:place], "", *term[place + 1 :]), []).append(term)
    return Reader(lexicon, words, phonetics(lexicon, words), speller(lexicon, words), variants)
