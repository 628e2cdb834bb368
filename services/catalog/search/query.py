"""Understanding a query: known words and `key:value` become structured conditions, the rest is free text."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from services.catalog.domain.declaration import canonical_license
from services.catalog.search.lexicon import Facet, Lexicon, Units
from services.catalog.search.tokens import fold, is_single, units

MAX_QUERY = 500
NAMES = {"lang": "language"}
KEYS = {
    "lang": "lang",
    "language": "lang",
    "gender": "gender",
    "age": "age",
    "style": "style",
    "emotion": "emotion",
    "timbre": "timbre",
    "persona": "persona",
    "license": "license",
    "commercial": "commercial",
    "tag": "tag",
    "owner": "owner",
}
NUMBERS = ("stars", "mos")
ALTERNATIVES = frozenset({"gender", "age"})
_PIECE = re.compile(
    r'(?P<minus>-)?(?:(?P<key>[a-z]+)[::](?P<value>"[^"]*"|\S+)|"(?P<phrase>[^"]*)"|(?P<word>[^\s"]+))', re.IGNORECASE
)
_NAME = re.compile(r"[a-z0-9]+(?:[-_./][a-z0-9]+)+")
_NUMBER = re.compile(r"(>=|<=|>|<|=)?(\d{1,9}(?:\.\d{1,6})?)")


@dataclass(frozen=True)
class Bound:
    """A condition on a number, such as `stars:>=10`."""

    name: str
    operator: str
    value: float


@dataclass(frozen=True)
class Query:
    """What is searched for.

    Attributes:
        facets: all wanted, except that values of one key in `ALTERNATIVES` are alternatives.
        without: none of them wanted.
        text: wanted phrases (units each) of free text, any of them.
        phrases: quoted phrases, all of them.
        without_text: phrases not wanted.
        bounds: conditions on numbers.
        name: units of a text that looks like `owner/name` or `some-name`; who is called so is found whatever else
            the words mean.
    """

    facets: frozenset[Facet] = frozenset()
    without: frozenset[Facet] = frozenset()
    text: tuple[Units, ...] = ()
    phrases: tuple[Units, ...] = ()
    without_text: tuple[Units, ...] = ()
    bounds: tuple[Bound, ...] = ()
    name: Units = ()

    @property
    def understood(self) -> dict[str, str]:
        """The query as the hub took it, by name: {"language": "yue", "gender": "male", "text": "…"}."""
        shown: dict[str, list[str]] = {}
        for sign, facets in (("", self.facets), ("-", self.without)):
            for facet in sorted(facets):
                shown.setdefault(NAMES.get(facet.key, facet.key), []).append(sign + facet.value)
        for bound in self.bounds:
            shown.setdefault(bound.name, []).append(f"{bound.operator}{bound.value:g}")
        words = [_joined(p) for p in self.text] + [f'"{_joined(p)}"' for p in self.phrases]
        words += [f"-{_joined(p)}" for p in self.without_text]
        return {name: ",".join(values) for name, values in shown.items()} | ({"text": " ".join(words)} if words else {})


class _Builder:
    def __init__(self, lexicon: Lexicon) -> None:
        self.lexicon = lexicon
        self.facets: set[Facet] = set()
        self.without: set[Facet] = set()
        self.text: list[Units] = []
        self.phrases: list[Units] = []
        self.without_text: list[Units] = []
        self.bounds: list[Bound] = []

    def words(self, text: str) -> None:
        run: list[str] = []
        for piece, facets in self.lexicon.segments(units(text)):
            unknown = not facets and piece not in self.lexicon.stopwords
            if not (unknown and is_single(piece[0])):
                self._end(run)
            if facets:
                self.facets.update(facets)
            elif unknown and is_single(piece[0]):
                run.append(piece[0])
            elif unknown:
                self.text.append(piece)
        self._end(run)

    def unwanted(self, text: str) -> None:
        whole = units(text)
        facets = self.lexicon.terms.get(whole, ())
        self.without.update(facets)
        if whole and not facets:
            self.without_text.append(whole)

    def keyed(self, key: str, value: str, minus: bool) -> bool:
        number = _NUMBER.fullmatch(value)
        if key in NUMBERS and number:
            self.bounds.append(Bound(key, number[1] or "=", float(number[2])))
            return True
        if key not in KEYS:
            return False
        facet = wanted(self.lexicon, KEYS[key], value)
        (self.without if minus else self.facets).add(facet)
        return True

    def _end(self, run: list[str]) -> None:
        if run:
            self.text.append(tuple(run))
            run.clear()


def wanted(lexicon: Lexicon, key: str, value: str) -> Facet:
    """The facet that `key:value` names."""
    if key == "license":
        return Facet(key, (canonical_license(value) or value).lower())
    return lexicon.canonical(key, value)


def understand(text: str, lexicon: Lexicon) -> Query:
    """The query of a text of at most `MAX_QUERY` characters; what is longer is cut."""
    builder = _Builder(lexicon)
    plain: list[str] = []
    folded = fold(text[:MAX_QUERY])
    for match in _PIECE.finditer(folded):
        minus = bool(match["minus"])
        if match["key"] and builder.keyed(match["key"].lower(), match["value"].strip('"'), minus):
            continue
        if match["phrase"] is not None and not minus:
            builder.phrases += [units(match["phrase"])] if units(match["phrase"]) else []
        elif minus:
            builder.unwanted(match["phrase"] if match["phrase"] is not None else match[0][1:])
        else:
            plain.append(match[0])
    builder.words(" ".join(plain))
    return Query(
        frozenset(builder.facets),
        frozenset(builder.without),
        _unique(builder.text),
        _unique(builder.phrases),
        _unique(builder.without_text),
        tuple(builder.bounds),
        units(folded) if _NAME.fullmatch(folded.strip()) else (),
    )


def _unique(pieces: Iterable[Units]) -> tuple[Units, ...]:
    return tuple(dict.fromkeys(pieces))


def _joined(piece: Units) -> str:
    return ("" if all(is_single(unit) for unit in piece) else " ").join(piece)
