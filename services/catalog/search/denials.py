"""What a statement denies: what follows a sign of denial ("not hoarse"), and what precedes a refusal (老年人除外)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

from services.catalog.search.tokens import is_single

Units = tuple[str, ...]
ATTRIBUTIVE = frozenset({("的",), ("嘅",)})  # what stands before them is of what follows
DENIED_WITHIN = 8  # units between a sign of denial and what it denies


@dataclass(frozen=True)
class Said:
    """A piece of a statement, with the keys of what it means or hints at, none for a word that nobody knows."""

    piece: Units
    keys: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Denials:
    """The signs of denial.

    Attributes:
        negations: deny what follows.
        refusals: deny what stands right before them.
        joiners: carry a denial on to something else.
        wishes: end a denial: 不要足球要篮球.
        silent: say nothing.
    """

    negations: frozenset[Units]
    refusals: frozenset[Units]
    joiners: frozenset[Units]
    wishes: frozenset[Units]
    silent: frozenset[Units]

    @cached_property
    def signs(self) -> frozenset[Units]:
        """All that deny."""
        return self.negations | self.refusals

    def denied(self, said: Sequence[Said]) -> list[bool]:
        """For each piece of a statement, whether it is denied."""
        found = self._after_signs(said)
        for place, one in enumerate(said):
            if one.piece in self.refusals or (place == len(said) - 1 and self._refuses(one.piece)):
                for denied in self._before(said, place):
                    found[denied] = True
        return found

    def _after_signs(self, said: Sequence[Said]) -> list[bool]:
        found = []
        since = DENIED_WITHIN + 1
        before: Units = ()
        something = False  # stood after the sign of denial
        keys: set[str] = set()  # of what was denied: another key is another thing, unless it is joined
        for one in said:
            joined = not keys or before in self.joiners or not keys.isdisjoint(one.keys)
            spoken = bool(one.keys) or (not keys and self._told(one.piece))
            denied = spoken and since <= DENIED_WITHIN and joined
            found.append(denied)
            before = one.piece
            if one.piece in self.negations:
                since, keys, something = 0, set(), False
            elif something and (one.piece in self.wishes or (one.piece in ATTRIBUTIVE and not keys)):
                since = DENIED_WITHIN + 1  # 不带口音的女声 denies the accent, not the woman
            else:
                since += len(one.piece)
                something = something or one.piece not in self.silent or len(one.piece) > 1
            if denied:
                keys |= one.keys
        return found

    def _before(self, said: Sequence[Said], place: int) -> Collection[int]:
        """The pieces right before a refusal that are one thing, or joined to it."""
        found: list[int] = []
        keys: set[str] = set()
        joined = True
        for at in range(place - 1, -1, -1):
            one = said[at]
            if self._quiet(one.piece):
                joined = joined or one.piece in self.joiners
                continue
            if found and not joined:
                break
            found.append(at)
            keys |= one.keys
            joined = False
        return found

    def parts(self, left: Units, right: Units) -> bool:
        """Whether a space between these Han characters parts two things: it does in 小孩不要 女声, not in 不要 小孩."""
        after = self.refusals | self.joiners
        while left[:1] in self.silent:
            left = left[1:]
        opened = left in self.negations or any(left[start:] in self.joiners for start in range(1, len(left)))
        return not opened and not any(right[:end] in after for end in range(1, len(right) + 1))

    def _refuses(self, piece: Units) -> bool:
        """Whether a sign of denial that ends a statement denies what stands before: 小孩不要."""
        return piece in self.negations and len(piece) > 1 and is_single(piece[0])

    def _told(self, piece: Units) -> bool:
        """Whether a word says something; with a single character a denial makes one word, such as 不清."""
        return not self._quiet(piece) and (len(piece) > 1 or not is_single(piece[0]))

    def _quiet(self, piece: Units) -> bool:
        return piece in self.silent or piece in self.negations or piece in self.refusals
