"""The lexicon: which words are known terms. This module only matches; the data are read by `lexicon_data.py`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from services.catalog.search.denials import DENIED_WITHIN, Denials, Said
from services.catalog.search.tokens import clauses, fold, is_single, units

MARK = "~"
TOPIC = "topic"
LOOSE = "?"  # marks a facet that a prose only suggests
PERSON = ("age", "gender", "persona")
GENDERS = frozenset("男女")
STRONG = ("lang", "gender", "age")  # a voice of another value is another voice
Units = tuple[str, ...]


@dataclass(frozen=True, order=True)
class Facet:
    """One structured property of a voice, such as `lang:yue`."""

    key: str
    value: str


@dataclass(frozen=True, eq=False)
class Lexicon:
    """Known terms.

    Attributes:
        terms: units of a word → what it means.
        suggests: units of a word → what it makes likely without being a name for it.
        topics: units of a word → what it speaks of.
        misleading: units of a word → what of it a card does not tell by this word: it is as often said of other things.
        mended: topics and hints that are found by their sound and with slips too; the many phrases are too like names.
        broader: a facet → the marked facets that contain it.
        marked: a facet that contains others → itself as a mark.
        near: a facet → those that resemble it, and how much (0 to 1).
        weights: what a facet of a key counts for among others; 1 unless told.
        denials: the signs of denial, and what they deny.
        counted: terms that tell an age in years; what a prose counts goes before what its other words mean.
        numbers: units of a bare number → the age that it is where it makes a statement: "本人男，二十六".
        around: units that may stand around such a number.
        voiced: characters of a statement about the sound of a voice, in which single characters name its timbre.
        towards: words after which stands who listens, not who speaks.
        doubts: words of a statement that leave open which of two genders is meant.
        either: words between things of which any will do.
        general: facets that ask for nothing more beside one of `uses`.
        uses: what narration and voice acting are for.
        places: words for a place that tell how somebody speaks only where they stand alone, or no field tells it.
        silent: units without a meaning (stopwords, and words that only look like a denial).
        stopwords: units that say nothing.
        hints: units of a query that make a facet likelier.
        query_only: terms that mean something in a query, and too little in prose.
        sayings: terms that are wordings of cards, and no words to propose.
        labels: key, and units of what means a value only under that key.
        longest: units of the longest term.
        topic_lengths: first unit of a topic's words → how many units they have, the most first.
        digest: of the data, so that an index knows by which lexicon it was made.
    """

    terms: Mapping[Units, tuple[Facet, ...]]
    suggests: Mapping[Units, tuple[Facet, ...]]
    topics: Mapping[Units, tuple[Facet, ...]]
    misleading: Mapping[Units, tuple[Facet, ...]]
    mended: Sequence[Units]
    broader: Mapping[Facet, tuple[Facet, ...]]
    marked: Mapping[Facet, Facet]
    near: Mapping[Facet, Mapping[Facet, float]]
    weights: Mapping[str, float]
    denials: Denials
    counted: frozenset[Units]
    numbers: Mapping[Units, Facet]
    around: frozenset[Units]
    voiced: frozenset[str]
    towards: frozenset[Units]
    doubts: frozenset[Units]
    either: frozenset[Units]
    general: frozenset[Facet]
    uses: frozenset[Facet]
    places: frozenset[Units]
    silent: frozenset[Units]
    stopwords: frozenset[Units]
    hints: Mapping[Units, Facet]
    query_only: frozenset[Units]
    sayings: frozenset[Units]
    labels: Mapping[tuple[str, Units], Facet]
    longest: int
    topic_lengths: Mapping[str, tuple[int, ...]]
    digest: str

    def segments(
        self, text: Sequence[str], words: Collection[Units] = frozenset()
    ) -> Iterator[tuple[Units, tuple[Facet, ...]]]:
        """Cuts units into known terms (with their facets) and unknown ones (with none), longest first.

        `words` are ordinary words: one of them that is longer than a known term at its place stays whole, so that the
        city 苏州 is not read as 苏 (charming) and 州.
        """
        pieces = self._fewest(tuple(text), words) if words else self._longest(tuple(text))
        return ((piece, self.terms.get(piece, ())) for piece in pieces)

    @lru_cache(maxsize=256)  # noqa: B019 - there is one in a process; a prose is read for facets, hints and topics
    def _longest(self, text: Units) -> tuple[Units, ...]:
        """The units cut into known terms and others, the longest term at each place."""
        found: list[Units] = []
        start = 0
        while start < len(text):
            lengths = range(min(self.longest, len(text) - start), 0, -1)
            length = next((length for length in lengths if self.knows(text[start : start + length])), 1)
            found.append(text[start : start + length])
            start += length
        return tuple(found)

    def facets(self, text: str, *, spoken: bool = False) -> frozenset[Facet]:
        """All that a prose affirms. A single Han character or a language code is too weak a sign in most prose.

        Where only how somebody speaks counts (`spoken`), a place does not that is named for something else.
        """
        found: set[Facet] = set()
        ages: set[Facet] = set()
        for clause in clauses(text):
            said = [*self.readings(clause)]
            told: set[Facet] = set()
            for piece, facets, denied in said:
                elsewhere = spoken and piece in self.places and len(piece) < len(clause)
                known = () if denied or piece in self.query_only or elsewhere else facets
                told.update(facet for facet in known if not weak(piece) or self._plain(facet, piece, clause))
                ages.update(facet for facet in known if facet.key == "age" and piece in self.counted)
            if self._open(clause, {facet for _, facets, _ in said for facet in facets}):
                told = {NEITHER, *(facet for facet in told if facet.key != "gender")}
            found |= told
            ages |= self._age(clause)
        return frozenset(ages | {facet for facet in found if not (ages and facet.key == "age")})

    def suggested(self, text: str) -> frozenset[Facet]:
        """All that a prose makes likely by words that are no names for it."""
        found: set[Facet] = set()
        for clause in clauses(text):
            since = DENIED_WITHIN + 1
            for piece, _ in self.segments(clause):
                if since > DENIED_WITHIN and not weak(piece):
                    found.update(self._told(piece, self.suggests.get(piece, ())))
                since = 0 if piece in self.denials.negations else since + len(piece)
        return frozenset(found)

    def told(self, text: str) -> frozenset[Facet]:
        """The topics of a prose."""
        found: set[Facet] = set()
        for clause in clauses(text):
            for start, phrase in self.spoken_of(clause):
                if not self._denied(clause[:start]):
                    found.update(self._told(phrase, self.topics[phrase]))
        return frozenset(found)

    def _told(self, piece: Units, facets: tuple[Facet, ...]) -> Iterator[Facet]:
        wrong = self.misleading.get(piece, ())
        return (facet for facet in facets if facet not in wrong)

    def spoken_of(self, clause: Sequence[str], words: Collection[Units] = frozenset()) -> Iterator[tuple[int, Units]]:
        """Where a statement has a word for a topic, the longest at each place; also inside of longer words.

        What is made of the end of one word and the beginning of another is none: 语气温和 has no 气温. Of a longer
        English word only what ends it counts.
        """
        if not any(unit in self.topic_lengths for unit in clause):
            return
        end = 0
        inside = _insides(piece for piece, _ in self.segments(clause, words))
        for start, unit in enumerate(clause):
            for length in self.topic_lengths.get(unit, ()):
                phrase = tuple(clause[start : start + length])
                stop = start + length
                if phrase not in self.topics or stop <= end:
                    continue
                if _whole(start, stop, inside) or _is_head(phrase, stop, inside):
                    end = stop
                    yield start, phrase
                    break

    def readings(
        self, clause: Sequence[str], words: Collection[Units] = frozenset()
    ) -> Iterator[tuple[Units, tuple[Facet, ...], bool]]:
        """The segments of one statement, each with whether it is denied; who listens is of no age and no gender."""
        pieces = [*self.segments(clause, words)]
        denied = self._refused(pieces)
        before: Units = ()
        for (piece, facets), refused in zip(pieces, denied, strict=True):
            listens = before in self.towards
            yield piece, tuple(f for f in facets if f.key not in PERSON) if listens else facets, refused
            before = piece

    def _refused(self, pieces: Sequence[tuple[Units, tuple[Facet, ...]]]) -> Sequence[bool]:
        """For each piece of a statement, whether it is denied, as a name or as a hint."""
        if all(piece not in self.denials.signs for piece, _ in pieces):
            return [False] * len(pieces)
        likely = [(piece, facets or self.suggests.get(piece, ())) for piece, facets in pieces]
        return self.denials.denied([Said(piece, frozenset(f.key for f in facets)) for piece, facets in likely])

    def knows(self, piece: Units) -> bool:
        """Whether a word is here, with or without a meaning."""
        return any(piece in known for known in (self.terms, self.suggests, self.silent, self.denials.signs))

    def canonical(self, key: str, value: str) -> Facet:
        """`value` in the lexicon's own word for it under this key, else folded as queries are."""
        meanings = [f for f in self.terms.get(units(value), ()) if f.key == key]
        own = self.labels.get((key, units(value)), Facet(key, " ".join(fold(value).split())))
        return meanings[0] if meanings else own

    def labelled(self, key: str, value: str) -> frozenset[Facet]:
        """What the value of a card's field says: it is a statement by itself, where a prose needs surer words.

        Its names go before what it means in this field, and that before the only meaning that it has in another.
        """
        piece = units(value)
        named = {*self.terms.get(piece, ()), *([self.labels[key, piece]] if (key, piece) in self.labels else ())}
        if named:
            return frozenset(named)
        other = {facet for (_, label), facet in self.labels.items() if label == piece}
        return frozenset(other if len(other) == 1 else ())

    def widened(self, facets: frozenset[Facet]) -> frozenset[Facet]:
        """The facets with all that contain them, marked (`~zh`): found as `zh`, behind those that say so."""
        return facets | {wide for facet in facets for wide in self.broader.get(facet, ()) if bare(wide) not in facets}

    def weight(self, facet: Facet) -> float:
        """What the facet counts for."""
        return self.weights.get(facet.key, 1.0)

    def _plain(self, facet: Facet, piece: Units, clause: Sequence[str]) -> bool:
        """Whether a single character means what it means alone: a timbre where a voice is spoken of, one gender."""
        if facet.key == "timbre":
            return not self.voiced.isdisjoint(clause)
        return facet.key == "gender" and is_single(piece[0]) and piece[0] in GENDERS and not set(clause) >= GENDERS

    def _age(self, clause: Sequence[str]) -> set[Facet]:
        """The age that a statement is which has nothing but a number."""
        start, end = 0, len(clause)
        while start < end and (clause[start],) in self.around:
            start += 1
        while end > start and (clause[end - 1],) in self.around:
            end -= 1
        age = self.numbers.get(tuple(clause[start:end]))
        return {age} if age else set()

    def _open(self, clause: Sequence[str], named: Collection[Facet]) -> bool:
        """Whether a statement names both genders and leaves open which: "nobody can tell if it is a man or a woman"."""
        if sum(facet.key == "gender" for facet in named) < 2:
            return False
        longest = max(map(len, self.doubts))
        places = ((start, length) for start in range(len(clause)) for length in range(1, longest + 1))
        return any(tuple(clause[start : start + length]) in self.doubts for start, length in places)

    def _fewest(self, text: Units, words: Collection[Units]) -> Iterator[Units]:
        """The units cut so that the fewest pieces are left over that nothing knows.

        Of equally good cuts the one with fewer pieces, then the one with more of the text in names (讲睡前故事 is 讲
        and 睡前故事, though 讲睡前 is a hint), then the one whose first piece is longer: 女大夫 is 女 and 大夫.
        """
        costs: list[tuple[int, int, int]] = [(0, 0, 0)] * (len(text) + 1)
        cut = [1] * len(text)
        for start in range(len(text) - 1, -1, -1):
            best = (len(text) + 1, 0, 0)
            for length in range(min(self.longest, len(text) - start), 0, -1):
                piece = text[start : start + length]
                known = self.knows(piece)
                if not known and length > 1 and not self._is_word(piece, words):
                    continue
                unknown, pieces, unnamed = costs[start + length]
                apart = 0 if piece in self.terms else length
                cost = (unknown + (not known and length == 1), pieces + 1, unnamed + apart)
                if cost < best:
                    best, cut[start] = cost, length
            costs[start] = best
        start = 0
        while start < len(text):
            yield text[start : start + cut[start]]
            start += cut[start]

    def _denied(self, before: Sequence[str]) -> bool:
        """Whether what follows these units of a statement is denied."""
        return any(piece in self.denials.negations for piece, _ in self.segments(before[-DENIED_WITHIN:]))

    def _is_word(self, piece: Units, words: Collection[Units]) -> bool:
        """Whether a piece is one word: an ordinary one, or one for a topic that says nothing else, as 女鬼 does."""
        if piece in words:
            return not self._composed(piece)
        parts = (piece[start:end] for start in range(len(piece)) for end in range(start + 1, len(piece) + 1))
        return piece in self.topics and not any(f.key in STRONG for part in parts for f in self.terms.get(part, ()))

    def _composed(self, piece: Units) -> bool:
        """Whether a word is made of known terms throughout, as 女教师 is of 女 and 教师."""
        cuts = {0}
        for end in range(1, len(piece) + 1):
            if any(piece[cut:end] in self.terms for cut in cuts):
                cuts.add(end)
        return len(piece) in cuts


def _insides(pieces: Iterable[Units]) -> Mapping[int, int]:
    """Places inside of pieces, not at their edges → the number of the piece."""
    found: dict[int, int] = {}
    start = 0
    for number, piece in enumerate(pieces):
        found |= dict.fromkeys(range(start + 1, start + len(piece)), number)
        start += len(piece)
    return found


def _whole(start: int, end: int, inside: Mapping[int, int]) -> bool:
    """Whether a span cuts no piece into two, or lies within one."""
    cuts = {inside[place] for place in (start, end) if place in inside}
    within = {inside.get(place) for place in range(start + 1, end)}
    return not cuts or (len(within) == 1 and within == cuts)


def _is_head(phrase: Units, end: int, inside: Mapping[int, int]) -> bool:
    """Whether words end a longer English one and so say what it is: a cackling witch is a witch."""
    return end not in inside and not any(is_single(unit) for unit in phrase)


NEITHER = Facet("gender", "neutral")


def bare(facet: Facet) -> Facet:
    """A facet without the mark of one that contains another."""
    return Facet(facet.key, facet.value.removeprefix(MARK))


def doubled(piece: Units) -> bool:
    """Whether a word is one of two characters, each of them twice, as 开开心心 is."""
    return len(piece) == 4 and piece[0] == piece[1] != piece[2] == piece[3]


def weak(piece: Units) -> bool:
    """Whether a term is too short to mean anything in running prose."""
    return len(piece) == 1 and (is_single(piece[0]) or len(piece[0]) <= 2)
