"""Understanding a query: known words and `key:value` become structured conditions, the rest is free text."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby, product

from services.catalog.domain.declaration import canonical_license
from services.catalog.search.amounts import as_conditions
from services.catalog.search.exceptions import as_denials
from services.catalog.search.lexicon import Facet, Lexicon, Units
from services.catalog.search.reading import Reader, Reading
from services.catalog.search.tokens import fold, is_single, overlap, split, units, written
from services.common.errors import Invalid

MAX_QUERY = 500
HINT_MOST, WISH_MOST = 3, 3  # units of a hint, and of a word that seeks
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
NUMBERS = ("stars", "mos", "downloads")
SOUND = ("timbre", "emotion")  # a word for one of these is no topic: husky speaks of no dogs
PEOPLE = frozenset({"gender", "age"})
ALTERNATIVES = PEOPLE | {"license"}
_KEY = "|".join((*KEYS, *NUMBERS))
_ENDS = ",;、。"  # of a value that is not in quotes; wide ones are folded
_BEFORE = rf"[{_ENDS}]+(?=-|\"|(?:{_KEY}):)"  # another piece begins behind it, with no space between
_PIECE = re.compile(
    rf"(?:{_BEFORE})?(?P<minus>-)?"
    rf'(?:(?P<key>[a-z]+)[::](?P<value>"[^"]*"|[^\s"{_ENDS}]+)|"(?P<phrase>[^"]*)"'
    rf'|(?P<word>(?:(?!{_BEFORE}|(?<=[^a-z])(?<!^)(?:{_KEY}):)[^\s"])+))',
)
_NON = "non-"
OR = "or"  # between keys: any of their values
_NAME = re.compile(r"[a-z0-9]+(?:[-_./][a-z0-9]+)+")
_CALLED = re.compile(
    r"(?:(?<= by )|(?<= from )|(?<= named )|(?<= called )|(?<![^ ,;])(?=[^ ,;]*[^\W\d_])(?=[^ ,;]*\d))"
    r"[^\W_]+(?:[-_.·][^\W_]+)+(?=[ ,;.!?、。])"
)
_NUMBER = re.compile(r"(>=|<=|≥|≤|>|<|=)?(\d{1,9}(?:\.\d{1,6})?)")


@dataclass(frozen=True)
class Bound:
    """A condition on a number, such as `stars:>=10`; negated, what has no such number satisfies it too."""

    name: str
    operator: str
    value: float
    negated: bool = False

    def __str__(self) -> str:
        return f"{'-' if self.negated else ''}{self.operator}{self.value:g}"


@dataclass(frozen=True)
class Kind:
    """Voices that have all of some facets, and how one names them: 老年男性."""

    name: str
    facets: frozenset[Facet]


@dataclass(frozen=True)
class Chip:
    """One part of an understood query, and the query text without it."""

    key: str
    value: str
    without: str = ""


@dataclass(frozen=True)
class Query:
    """What is searched for.

    Attributes:
        facets: what words and keys ask for; all wanted, but values of one key in `ALTERNATIVES` or `either` are
            alternatives.
        either: keys whose values are named with an "or" between them.
        required: those of the facets that a `key:value` named: never relaxed.
        without: none of them wanted.
        without_kinds: none wanted that has all facets of one of these.
        text: wanted phrases (units each) of free text, any of them.
        phrases: quoted phrases, all of them.
        without_text: phrases not wanted.
        bounds: conditions on numbers.
        name: units of a text that looks like `owner/name` or `some-name`; who is called so is found whatever else
            the words mean.
        hints: facets that the way of writing makes likelier; not asked for, and not shown.
        runs: neighbouring words of the free text, as written: what they mean together.
        topics: words for topics in the text or inside of its words.
        named: those of them that are in words which name something else as well: 哄睡 is a style first.
        denied: topics and hints that the text denies and whatever a minus is before: not looked for in other words.
        typed: what was read as something else, as it was typed, with the facets that it was read as (none: as text).
        said: the words without keys, quotes and what a minus excludes, folded, for a reader of whole sentences; how
            they were written makes no other query of it.
    """

    facets: frozenset[Facet] = frozenset()
    without: frozenset[Facet] = frozenset()
    text: tuple[Units, ...] = ()
    phrases: tuple[Units, ...] = ()
    without_text: tuple[Units, ...] = ()
    bounds: tuple[Bound, ...] = ()
    name: Units = ()
    required: frozenset[Facet] = frozenset()
    hints: frozenset[Facet] = frozenset()
    runs: tuple[str, ...] = ()
    topics: tuple[Units, ...] = ()
    without_kinds: tuple[Kind, ...] = ()
    denied: frozenset[Facet] = field(default=frozenset(), compare=False)
    said: str = field(default="", compare=False)
    typed: tuple[tuple[Units, tuple[Facet, ...]], ...] = field(default=(), compare=False)
    either: frozenset[str] = frozenset()
    named: frozenset[Units] = frozenset()
    called: Units = field(default=(), compare=False)
    uncalled: Query | None = field(default=None, compare=False)

    @property
    def understood(self) -> dict[str, str]:
        """The query as the hub took it, by name: {"language": "yue", "gender": "male", "text": "…"}."""
        shown: dict[str, list[str]] = {}
        for key, value in self._parts():
            shown.setdefault(NAMES.get(key, key), []).append(value)
        return {name: (" " if name == "text" else ",").join(values) for name, values in shown.items()}

    @property
    def chips(self) -> tuple[Chip, ...]:
        """The parts of the query, each with the text of the query that is left when it is taken away."""
        parts = self._parts()
        return tuple(
            Chip(NAMES.get(key, key), value, self._said([other for other in parts if other != (key, value)]))
            for key, value in parts
        )

    def _said(self, parts: Sequence[tuple[str, str]]) -> str:
        """Parts as one would type them; between alternatives stands an or."""
        typed: list[str] = []
        for number, (key, value) in enumerate(parts):
            again = number and parts[number - 1][0] == key and key in self.either
            typed += [OR, _typed(key, value)] if again and not value.startswith("-") else [_typed(key, value)]
        return " ".join(typed)

    def _parts(self) -> list[tuple[str, str]]:
        parts = [(facet.key, facet.value) for facet in sorted(self.facets)]
        parts += [(facet.key, f"-{facet.value}") for facet in sorted(self.without)]
        parts += [(bound.name, str(bound)) for bound in self.bounds]
        parts += [("text", joined(p)) for p in self.text]
        parts += [("text", f'"{joined(p)}"') for p in self.phrases]
        parts += [("text", f"-{joined(p)}") for p in self.without_text]
        return parts + [("text", f"-{name}") for name in dict.fromkeys(kind.name for kind in self.without_kinds)]


def _typed(key: str, value: str) -> str:
    """A part as one would type it."""
    if key == "text":
        return f'-"{value[1:]}"' if value.startswith("-") and " " in value else value
    minus, bare = ("-", value[1:]) if value.startswith("-") else ("", value)
    return f'{minus}{key}:"{bare}"' if set(bare) & {" ", *_ENDS} else f"{minus}{key}:{bare}"


@dataclass
class _Builder:
    lexicon: Lexicon
    reader: Reader
    facets: set[Facet] = field(default_factory=set)
    required: set[Facet] = field(default_factory=set)
    without: set[Facet] = field(default_factory=set)
    hints: set[Facet] = field(default_factory=set)
    text: list[Units] = field(default_factory=list)
    phrases: list[Units] = field(default_factory=list)
    without_text: list[Units] = field(default_factory=list)
    without_kinds: list[Kind] = field(default_factory=list)
    bounds: list[Bound] = field(default_factory=list)
    runs: list[str] = field(default_factory=list)
    topics: list[Units] = field(default_factory=list)
    denied: set[Facet] = field(default_factory=set)
    typed: list[tuple[Units, tuple[Facet, ...]]] = field(default_factory=list)
    either: set[str] = field(default_factory=set)
    joined: set[str] = field(default_factory=set)
    naming: set[Units] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)  # units that the text denies, as they were typed
    people: list[tuple[bool, set[Facet]]] = field(default_factory=list)  # whom each statement names

    def called(self, name: str) -> Units:
        """A word that may be the name of a voice: one that means nothing by itself, and that is not denied."""
        whole = units(name)
        meant = {f for reading in self.reader.read(whole) for f in reading.facets} or canonical_license(name)
        return () if meant or self.refused & set(whole) else whole

    def words(self, text: str) -> None:
        for clause in self._statements(text):
            self.hints.update(self._hints(clause))
            everything = self.reader.read(clause)
            refused = [reading for reading in everything if reading.denied]
            readings = [reading for reading in everything if not reading.denied]
            self.runs += self._runs(readings)
            mended = tuple(unit for reading in readings for unit in reading.piece)
            words = self.reader.words.han
            spoken = (phrase for said in (clause, mended) for _, phrase in self.lexicon.spoken_of(said, words))
            sounding = {reading.piece for reading in readings if any(f.key in SOUND for f in reading.facets)}
            for phrase in spoken:
                if any(overlap(phrase, one.piece) for one in refused):
                    self.denied.update(self.lexicon.topics[phrase])
                elif phrase not in sounding:
                    self.topics.append(phrase)
                    self.naming.update([phrase] if any(overlap(phrase, r.piece) for r in readings if r.facets) else [])
            for reading in refused:
                self.refused.update(reading.typed or reading.piece)
                self.refuse(joined(reading.piece), reading.facets or self.lexicon.suggests.get(reading.piece, ()))
            told = {facet for reading in readings for facet in reading.facets}
            self.facets |= told
            mended = self.reader.mended(clause)
            self.either.update(self._between(self.lexicon.either, mended, words))
            self.joined.update(self._between(self.lexicon.denials.joiners, mended, words))
            self.people.append((self._wished(clause), {facet for facet in told if facet.key in PEOPLE}))
            self.text += [reading.piece for reading in readings if not reading.facets]
            self.typed += [(reading.typed, reading.facets) for reading in readings if reading.typed]
        self.facets -= self._circumstances()
        self.facets -= self._general()

    def _wished(self, clause: Units) -> bool:
        """Whether a statement says that something is sought."""
        wishes = self.lexicon.denials.wishes
        return any(clause[at : at + size] in wishes for at in range(len(clause)) for size in range(1, WISH_MOST + 1))

    def _between(self, signs: Collection[Units], said: Units, words: Collection[Units]) -> Iterator[str]:
        """Keys that have a value on both sides of a sign, as of a word for "or"."""
        before: set[str] = set()
        awaited: set[str] = set()
        for piece, facets in self.lexicon.segments(said, words):
            keys = {facet.key for facet in facets}
            if piece in signs:
                awaited = before
            elif keys:
                yield from keys & awaited
                before, awaited = keys, set()

    def _circumstances(self) -> set[Facet]:
        """Ages and genders of somebody else: a statement that seeks names another ("my baby is … I need a granny")."""
        sought = {facet for wished, facets in self.people if wished for facet in facets}
        keys = {facet.key for facet in sought}
        return {facet for _, facets in self.people for facet in facets if facet.key in keys} - sought

    def _general(self) -> set[Facet]:
        """What asks for nothing more beside a use, where not both are asked for, or any of them."""
        uses = {facet.key for facet in self.facets & self.lexicon.uses} - self.either - self.joined
        return {facet for facet in self.facets & self.lexicon.general if facet.key in uses}

    def _statements(self, text: str) -> Iterator[Units]:
        """The statements of a text; a space between Han characters ends one too, where no denial goes on after it."""
        for clause in split(text):
            whole: Units = ()
            for part in clause:
                if whole and self.lexicon.denials.parts(whole, part):
                    yield whole
                    whole = ()
                whole += part
            yield whole

    def _runs(self, readings: Iterable[Reading]) -> Iterator[str]:
        for unknown, group in groupby(readings, lambda r: not r.facets and r.piece not in self.lexicon.suggests):
            if unknown:
                yield written([unit for reading in group for unit in reading.piece])

    def _hints(self, clause: Units) -> Iterator[Facet]:
        """What the way of writing makes likelier: a word of a dialect, wherever it stands."""
        for start in range(len(clause)):
            for end in range(start + 1, min(start + HINT_MOST, len(clause)) + 1):
                if clause[start:end] in self.lexicon.hints:
                    yield self.lexicon.hints[clause[start:end]]

    def unwanted(self, text: str, quoted: bool = False) -> None:
        whole = units(text)
        self.denied.update(self.lexicon.suggests.get(whole, ()))
        self.denied.update(f for _, phrase in self.lexicon.spoken_of(whole) for f in self.lexicon.topics[phrase])
        facets = frozenset(self.lexicon.terms.get(whole, ())) if quoted else self.named(whole)
        self.refuse(text, facets)
        if whole and not facets:
            self.without_text.append(whole)

    def refuse(self, name: str, facets: Collection[Facet]) -> None:
        """Excludes a facet, or voices that have one of each key of several: who wants no 萝莉 may want a woman."""
        keys = sorted({facet.key for facet in facets})
        if len(keys) > 1:
            each = ([facet for facet in sorted(facets) if facet.key == key] for key in keys)
            self.without_kinds += [Kind(name, frozenset(kind)) for kind in product(*each)]
        else:
            self.without.update(facets)

    def named(self, whole: Units) -> frozenset[Facet]:
        """What is named by words that say nothing else; nothing if they do."""
        if whole in self.lexicon.terms:
            return frozenset(self.lexicon.terms[whole])
        readings = self.reader.read(whole)
        only = all(reading.facets and not reading.denied for reading in readings)
        return frozenset(facet for reading in readings for facet in reading.facets) if only else frozenset()

    def negated(self, word: str) -> bool:
        """Takes a word such as non-male for what it denies, if it has no meaning of its own."""
        bare = units(word.removeprefix(_NON)) if word.startswith(_NON) else ()
        if not bare or self.lexicon.knows(units(word)) or not self.named(bare):
            return False
        self.unwanted(word.removeprefix(_NON))
        return True

    def keyed(self, key: str, value: str, minus: bool) -> bool:
        number = _NUMBER.fullmatch(value)
        if key in NUMBERS and number:
            sign = {"≥": ">=", "≤": "<="}.get(number[1], number[1] or "=")
            self.bounds.append(Bound(key, sign, float(number[2]), minus))
            return True
        if key not in KEYS:
            return False
        facet = facet_of(self.lexicon, KEYS[key], value)
        (self.without if minus else self.required).add(facet)
        return True


def _unquoted(value: str) -> str:
    """A value without its quotes, or without the point of the sentence that it ends."""
    return value.strip('"') if value.startswith('"') else value.rstrip(".")


def facet_of(lexicon: Lexicon, key: str, value: str) -> Facet:
    """The facet that `key:value` names."""
    if key == "license":
        return Facet(key, (canonical_license("-".join(value.split())) or value).lower())
    return lexicon.canonical(key, value)


def check_length(text: str) -> None:
    """Refuses a text that has more than `MAX_QUERY` characters, as it is written or as it is read."""
    if max(len(text), len(fold(text[:MAX_QUERY]))) > MAX_QUERY:
        raise Invalid(
            "The query is too long.",
            hint=f"Use at most {MAX_QUERY} characters; signs such as ㎉ count as the letters that they stand for.",
            reason="QUERY_TOO_LONG",
        )


def understand(text: str, lexicon: Lexicon) -> Query:
    """The query of a text of at most `MAX_QUERY` characters, folded too; what is longer is cut."""
    folded = fold(text[:MAX_QUERY])[:MAX_QUERY]
    query = _understood(folded, lexicon)
    if not query.called:
        return query
    return replace(query, uncalled=_understood(folded, lexicon, uncalled=True))


def _understood(folded: str, lexicon: Lexicon, *, uncalled: bool = False) -> Query:
    """The query of a folded text, or of what is left of it without a name."""
    builder = _Builder(lexicon, Reader.of(lexicon))
    plain: list[str] = []
    keys: list[str] = []  # of the pieces so far, empty for what is no key
    for match in _PIECE.finditer(as_conditions(folded)):
        minus = bool(match["minus"])
        piece = match[0].lstrip(_ENDS) if minus or match["key"] else match[0]
        key = match["key"] or ""
        keys.append(KEYS.get(key, "") if piece != OR else OR)
        if keys[-3:] == [keys[-1], OR, keys[-1]] and keys[-1] in KEYS.values():
            builder.either.add(keys[-1])
            plain.pop()
        if key and builder.keyed(key, _unquoted(match["value"]), minus):
            continue
        if match["phrase"] is not None and not minus:
            builder.phrases += [units(match["phrase"])] if units(match["phrase"]) else []
        elif minus:
            quoted = match["phrase"] is not None
            builder.unwanted(match["phrase"] if quoted else piece[1:], quoted)
        elif not builder.negated(piece):
            plain.append(piece)
    typed = f" {' '.join(plain)} "
    name = _CALLED.search(typed)
    if name and uncalled:
        typed = typed[: name.start()] + typed[name.end() :]
    said = as_denials(typed.strip())
    builder.words(said)
    wanted = frozenset(builder.facets | builder.required)
    return Query(
        wanted,
        frozenset(builder.without - builder.facets),
        _unique(builder.text),
        _unique(builder.phrases),
        _unique(builder.without_text),
        tuple(builder.bounds),
        units(folded) if _NAME.fullmatch(folded.strip()) else (),
        frozenset(builder.required),
        frozenset(hint for hint in builder.hints if all(hint.key != facet.key for facet in builder.facets)),
        tuple(dict.fromkeys(builder.runs)),
        _unique(builder.topics),
        tuple(dict.fromkeys(kind for kind in builder.without_kinds if not kind.facets <= wanted)),
        frozenset(builder.denied),
        said,
        tuple(dict.fromkeys(builder.typed)),
        frozenset(builder.either),
        frozenset(builder.naming),
        builder.called(name[0]) if name and not uncalled and not _NAME.fullmatch(folded.strip()) else (),
    )


def _unique(pieces: Iterable[Units]) -> tuple[Units, ...]:
    return tuple(dict.fromkeys(pieces))


def joined(piece: Units) -> str:
    """A piece as one would write it."""
    return ("" if all(is_single(unit) for unit in piece) else " ").join(piece)
