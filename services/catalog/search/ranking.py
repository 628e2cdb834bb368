"""How voices are ranked, the same on every engine: weighted clauses, each worth the best of its alternatives.

score = what the matching clauses are worth / what all are worth + standing, with standing = what the voice is worth
whatever is asked (judged quality, stars, downloads, date). Nothing in it depends on voices that the viewer cannot see:
a word's rarity is counted among the public ones. An engine adds constants, so that two engines give the same order.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import groupby

from services.catalog.search.clauses import NEARLY_CREDIT, Alternative, Clause, facet_clause, loose, topic_clause
from services.catalog.search.guesses import glossed, intended, slipped, spoken, suggested
from services.catalog.search.intent import Intent, intent, readers
from services.catalog.search.lexicon import Facet, Lexicon, Units
from services.catalog.search.meaning import SUBJECTS, Meanings, meanings
from services.catalog.search.query import ALTERNATIVES, Bound, Query, joined
from services.catalog.search.record import SearchRecord
from services.catalog.search.spelling import one_slip, speller
from services.catalog.search.tokens import is_single, overlap, stems, units, written
from services.catalog.search.words import WordTable

ENOUGH = 50  # hits; fewer exact ones are followed by those that come near
NEAR_LEAST = 0.3  # of the score of the clauses, for a hit that comes near
TEXT_WEIGHT = 1.7  # of a word that no voice but one has
ALIKE_LEAST, ALIKE_CREDIT = 0.55, 0.8
ALIKE_MOST, ALIKE_MOST_IN_LONG = 20, 10  # words near to one; each is looked for in all texts
ALIKE_WEIGHT, SHORT_WEIGHT = 0.6, 0.15
TEXT_MOST, TEXT_SHARE = 1.2, 0.35  # of all text together: at least the one, at most this share of the facets
GUESS_CREDIT = 0.75
SLIPS_WITHIN = 4  # words of a text in which a correct word may be a slip; one in a long description hardly is
WORD_SHARE = 0.6  # of what single words say, beside what the request says as a whole
SURE = 0.5  # probability of what a hit may be exact by that no word names
NEAR_REFUSED = 0.5  # how near to what is refused something is that is not guessed at either
WHOLE_MOST = 1.5  # of what is asked for as a whole, times the weight of what is named
MISSPELT_MOST = 3  # words of a request that are looked for as names with a slip; each may be meant for hundreds
NAME_MOST = 8  # units of a request that may be the name of a voice beside what its words mean
SHORT = 2  # pieces of a text that may be the name of a voice
NAMED_SHARE = 0.5  # of a topic whose words name something else, too
OWN_SHARE = 0.25  # of a word that is all of a request, was read as another, and that no public voice has
HINT_WEIGHT, LEAST_WEIGHT = 0.8, 0.05
MEANT_LEAST, MEANT_CREDIT, MEANT_WEIGHT = 0.62, 0.7, 0.45
MOS_WEIGHT, STAR_WEIGHT, DOWNLOAD_WEIGHT, YEAR_WEIGHT = 0.01, 0.004, 0.002, 0.01
_SECONDS_PER_YEAR = 365.25 * 86400
_NEUTRAL_MOS = 3.0


@dataclass(frozen=True)
class Plan:
    """A query as an engine runs it.

    Attributes:
        clauses: what adds to the score; weights add up to 1.
        exact: numbers of the clauses that an exact hit satisfies, each of them.
        any_text: numbers of clauses of which an exact hit satisfies one, if there are any.
        required: facets, one of each group, of every hit.
        without: facets that no hit has.
        without_kinds: no hit has one facet of each group of one of these.
        bounds: conditions on numbers, of every hit.
        phrases: stems that every hit has, in this order.
        without_text: stems that no hit has.
        name: stems of a name; a voice called so is an exact hit whatever else is asked for, and none comes near.
        called: stems of a short request, if public voices are called so; of the admitted they are exact hits, too.
    """

    clauses: tuple[Clause, ...] = ()
    exact: tuple[int, ...] = ()
    any_text: tuple[int, ...] = ()
    required: tuple[tuple[Facet, ...], ...] = ()
    without: tuple[Facet, ...] = ()
    bounds: tuple[Bound, ...] = ()
    phrases: tuple[Units, ...] = ()
    without_text: tuple[Units, ...] = ()
    name: Units = ()
    without_kinds: tuple[tuple[tuple[Facet, ...], ...], ...] = ()
    called: Units = ()

    @property
    def near_least(self) -> float:
        """What a hit that comes near is worth at least; that it is not called as the request says is no loss."""
        name = (Alternative(1.0, phrase=self.called),)
        return NEAR_LEAST * sum(clause.weight for clause in self.clauses if clause.alternatives != name)

    @property
    def texts(self) -> tuple[Alternative, ...]:
        """Of the free text, what an exact hit has one of."""
        return tuple(a for number in self.any_text for a in self.clauses[number].exact)


Frequencies = Callable[[Sequence[Units]], tuple[Mapping[Units, int], int]]
Called = Callable[[Sequence[Units]], Collection[Units]]
Options = Sequence[tuple[Units, Sequence[Alternative]]]


def standing(record: SearchRecord) -> float:
    """What a voice is worth apart from the query: its judged quality, stars, downloads and date.

    The date counts absolutely, not as an age: what is newer stays ahead by the same amount at every time of asking.
    """
    quality = MOS_WEIGHT * ((record.mos or _NEUTRAL_MOS) - _NEUTRAL_MOS)
    fame = STAR_WEIGHT * math.log2(1 + record.stars) + DOWNLOAD_WEIGHT * math.log2(1 + record.downloads)
    return round(quality + fame + YEAR_WEIGHT * (record.created.timestamp() / _SECONDS_PER_YEAR - 50), 6)


def plan(
    query: Query,
    lexicon: Lexicon,
    words: WordTable,
    frequencies: Frequencies,
    called: Called = lambda _: (),
) -> Plan:
    """The plan of a query.

    `frequencies` counts the public voices that have each phrase, and all of them; `called` answers by which phrases
    some of them, or their owners, are called.
    """
    with ExitStack() as stack:
        return _plan(query, lexicon, words, frequencies, called, stack)


def _plan(
    query: Query, lexicon: Lexicon, words: WordTable, frequencies: Frequencies, called: Called, stack: ExitStack
) -> Plan:
    query = _by_name(query, called)
    wanted = [
        _or_typed(facet_clause(lexicon, group), group, query)
        for group in _groups(query.facets - query.required, query.either)
    ]
    named = sum(clause.weight for clause in wanted)
    about = _topics(query, lexicon)
    plain = [piece for piece in query.text if piece not in lexicon.suggests and not _within(piece, query.topics)]
    read = readers().submit(intent, query.said) if _is_request(query, plain, words) else None
    if read:
        stack.callback(read.cancel)  # where the index does not answer nobody waits for it
    near = ALIKE_MOST if len(query.text) <= SLIPS_WITHIN else ALIKE_MOST_IN_LONG
    options: Options = [(piece, _options(piece, lexicon, words, near)) for piece in (*plain, *query.phrases)]
    asked = {a.phrase for _, found in options for a in found if a.phrase}
    name = _name(query, plain)
    asked |= {stems(one) for one in (*map(units, query.runs), *name, *(typed for typed, _ in query.typed))}
    counts, total = frequencies(list(asked))
    if len(query.text) <= SLIPS_WITHIN:
        options, counts = _misspelt(options, words, counts, frequencies, called)
    whole_name = _whole_name(query, plain, lexicon, words, called)
    meant = meanings(words)
    texts = [_text_clause(piece, found, meant, counts, total) for piece, found in options]
    unsaid = [piece for piece in plain if not counts.get(stems(piece), 0)]
    texts += _together(unsaid, meant)
    hints = [Clause(f"hint {h.value}", HINT_WEIGHT, (Alternative(1.0, facet=h),)) for h in sorted(query.hints)]
    texts = _capped(texts, named)
    texts += suggested(query.text, lexicon, query.facets)
    strange = [run for run in query.runs if not any(overlap(units(run), topic) for topic in query.topics)]
    texts += glossed([*strange, *map(written, plain)], lexicon, counts)
    texts += spoken(unsaid, lexicon, meanings(words, SUBJECTS))
    if len(query.text) <= SLIPS_WITHIN:
        texts += slipped(unsaid, lexicon, words)
    sure: list[Clause] = []
    likely: list[Clause] = []
    if read:
        texts = _lighter(texts, WORD_SHARE)
        sure, likely = _as_a_whole(read.result(), query, lexicon, named)
        if name or (wanted and not texts and not about):  # a guess is one more way to be exact, never the only one
            sure, likely = [], [*sure, *likely]
        texts += _itself(name, likely, counts, total, alone=not query.facets)
    texts += [*about, *sure]
    as_text, beside = _as_typed(query, sum(c.weight for c in (*wanted, *texts, *likely)), counts, total)
    likely += beside if texts else [*as_text, *beside]  # what asks for nothing is no condition
    texts += as_text if texts else []
    likely += _called(whole_name, (*wanted, *texts, *likely))
    kept = (*wanted, *texts, *likely, *(hints if wanted or texts else ()))
    whole = sum(clause.weight for clause in kept) or 1.0
    clauses = tuple(Clause(c.label, round(c.weight / whole, 6), c.alternatives) for c in kept)
    return Plan(
        clauses,
        tuple(range(len(wanted))),
        tuple(range(len(wanted), len(wanted) + len(texts))),
        tuple(_with_marks(lexicon, group) for group in _groups(query.required, query.either)),
        tuple(sorted({*query.without, *map(loose, query.without)})),
        query.bounds,
        tuple(stems(phrase) for phrase in query.phrases),
        tuple(stems(phrase) for phrase in query.without_text),
        stems(query.name),
        tuple(tuple((facet, loose(facet)) for facet in sorted(kind.facets)) for kind in query.without_kinds),
        whole_name,
    )


def _misspelt(
    options: Options, words: WordTable, counts: Mapping[Units, int], frequencies: Frequencies, called: Called
) -> tuple[Options, Mapping[Units, int]]:
    """The options with the names that a word which nobody says, and no dictionary has, is one slip away from."""
    unsaid = [piece[0] for piece, _ in options if len(piece) == 1 and not counts.get(stems(piece), 0)]
    strange = [word for word in unsaid if word not in words][:MISSPELT_MOST]
    slips = {word: dict.fromkeys(stems((slip,)) for slip in one_slip(word)) for word in strange}
    asked = dict.fromkeys(name for names in slips.values() for name in names)
    found = called(list(asked)) if asked else ()
    if not found:
        return options, counts
    more, _ = frequencies(sorted(found))
    named = {w: [Alternative(GUESS_CREDIT, phrase=name) for name in slips[w] if name in found] for w in slips}
    return [(piece, [*ways, *named.get("".join(piece), ())]) for piece, ways in options], {**counts, **more}


def _whole_name(
    query: Query, plain: Sequence[Units], lexicon: Lexicon, words: WordTable, called: Called
) -> Units:
    """A short request as stems, without what says nothing at its ends, if public voices are called so.

    Not where all of it is known: many a voice is called "warm old man", and not only they are.
    """
    strange = [*plain, *(typed for typed, facets in query.typed if not facets)]
    if not (strange and query.facets) or query.name or query.called:
        return ()
    pieces = [piece for piece, _ in lexicon.segments(units(query.said), words.han)]
    while pieces and pieces[0] in lexicon.silent:
        del pieces[0]
    while pieces and pieces[-1] in lexicon.silent:
        del pieces[-1]
    whole = stems(unit for piece in pieces for unit in piece)
    return whole if 1 < len(whole) <= NAME_MOST and called([whole]) else ()


def _called(name: Units, others: Sequence[Clause]) -> list[Clause]:
    """A name as a clause that weighs as much as what else the words mean."""
    whole = sum(clause.weight for clause in others)
    return [Clause(f"{joined(name)} as a name", whole, (Alternative(1.0, phrase=name),))] if name else []


def _by_name(query: Query, called: Called) -> Query:
    """The query with a word that public voices are called by as one piece, which no part of it is read from."""
    rest = query.uncalled if query.called and called([stems(query.called)]) else None
    if rest is None:
        return query
    facets = tuple(sorted(rest.facets - rest.required))
    typed = (*rest.typed, (query.called, facets)) if facets else rest.typed
    return replace(rest, text=(*rest.text, query.called), typed=typed)


def _or_typed(clause: Clause, group: Sequence[Facet], query: Query) -> Clause:
    """A clause that a voice satisfies too that is called as the word was typed which was read as one of the facets."""
    ways = (Alternative(1.0, phrase=stems(typed)) for typed, facets in query.typed if set(facets) & set(group))
    return replace(clause, alternatives=(*clause.alternatives, *ways))


def _as_typed(query: Query, rest: float, counts: Mapping[Units, int], total: int) -> tuple[list[Clause], list[Clause]]:
    """Words that were read as others, as they were typed: those read as text, and those that were read as facets.

    They may be names, as `yuki` is, which is near to yuri. One that is all of a request weighs as much as the rest
    where a public voice has it, and where none has, enough to put the viewer's own before others.
    """
    as_text: list[Clause] = []
    beside: list[Clause] = []
    for typed, facets in dict(query.typed).items():  # one word may be several things: laoniannansheng
        phrase = stems(typed)
        count = counts.get(phrase, 0)
        weight = TEXT_MOST * math.log((total + 1) / (count + 1)) / math.log(total + 2) if count else LEAST_WEIGHT
        if typed == units(query.said):
            weight = max(weight, rest if count else OWN_SHARE * rest)
        clause = Clause(f"{joined(typed)} as typed", weight, (Alternative(1.0, phrase=phrase),))
        (beside if facets else as_text).append(clause)
    return as_text, beside


def _is_request(query: Query, plain: Sequence[Units], words: WordTable) -> bool:
    """Whether there is something to read as a whole: more than what is named in full, and more than a name."""
    if not query.text and not query.topics:
        return False
    if query.topics or len(plain) < len(query.text) or len(plain) > SLIPS_WITHIN:
        return True
    return any("".join(piece) in words for piece in plain)


def _name(query: Query, plain: Sequence[Units]) -> Sequence[Units]:
    """Words that may be the name of a voice: of a short text those that are only text, or all if nothing is named."""
    if len(query.text) > SHORT:
        return ()
    return query.text if not query.facets else plain


def _as_a_whole(asked: Intent, query: Query, lexicon: Lexicon, named: float) -> tuple[list[Clause], list[Clause]]:
    """What a request asks for as a whole: clauses of which a hit may be exact, and others that only add to its score.

    Beside what is named (and weighs so much) all of it has a limit: some of it is read from circumstances.
    """
    topics = {facet for phrase in query.topics for facet in lexicon.topics[phrase]}
    refused = query.without | query.denied
    near = {facet for one in refused for facet, share in lexicon.near.get(one, {}).items() if share >= NEAR_REFUSED}
    told = intended(asked, lexicon, query.facets | topics, refused | near)
    whole = sum(clause.weight for _, clause in told)
    share = min(1.0, WHOLE_MOST * named / whole) if named and whole else 1.0
    sure = _lighter([clause for probability, clause in told if probability >= SURE], share)
    return sure, _lighter([clause for probability, clause in told if probability < SURE], share)


def _itself(
    name: Sequence[Units], likely: Sequence[Clause], counts: Mapping[Units, int], total: int, *, alone: bool
) -> list[Clause]:
    """Words that may be the name of a voice, each as a clause of its own.

    Who types a name wants the voice of that name first, whatever else it may mean: one word weighs as much as all of
    that, of two the rarer one more. Where no public voice has a word, the viewer's own may; beside other conditions it
    then weighs only as much as the most of that, so that what comes near is still found.
    """
    weights = [clause.weight for clause in likely]
    rarities = {piece: math.log((total + 1) / (counts.get(stems(piece), 0) + 1)) for piece in name}
    whole = sum(rarities.values())
    found = []
    for piece, rarity in rarities.items() if weights and whole else ():
        phrase = stems(piece)
        most = sum(weights) if counts.get(phrase, 0) or (alone and len(name) == 1) else max(weights) / len(name)
        weight = most * len(name) * rarity / whole
        found.append(Clause(f"{joined(piece)} itself", weight, (Alternative(1.0, phrase=phrase),)))
    return found


def _lighter(clauses: Sequence[Clause], share: float) -> list[Clause]:
    return [replace(clause, weight=share * clause.weight) for clause in clauses]


def _capped(texts: Sequence[Clause], facets: float) -> list[Clause]:
    """Text clauses that together weigh no more than known words: a long description has many words that are chance."""
    whole = sum(clause.weight for clause in texts) or 1.0
    share = min(1.0, max(TEXT_MOST, TEXT_SHARE * facets) / whole)
    return _lighter(texts, share)


def _groups(facets: frozenset[Facet], either: frozenset[str]) -> list[list[Facet]]:
    """Facets that are wanted together: those of one key that are alternatives, and each of the others alone."""
    found: list[list[Facet]] = []
    for key, group in groupby(sorted(facets), key=lambda facet: facet.key):
        values = list(group)
        found += [values] if key in ALTERNATIVES | either else [[value] for value in values]
    return found


def _with_marks(lexicon: Lexicon, group: Sequence[Facet]) -> tuple[Facet, ...]:
    return (*group, *(lexicon.marked[facet] for facet in group if facet in lexicon.marked))


def _topics(query: Query, lexicon: Lexicon) -> list[Clause]:
    """For each topic of the query: its words themselves, or the topic in other words."""
    groups: list[tuple[set[Facet], list[Units]]] = []
    for phrase in query.topics:
        facets, phrases = set(lexicon.topics[phrase]), [phrase]
        apart = []
        for others, words in groups:  # a word of two topics makes one of them
            if facets & others:
                facets, phrases = facets | others, words + phrases
            else:
                apart.append((others, words))
        groups = [*apart, (facets, phrases)]
    return [_topic(sorted(facets), phrases, query, lexicon) for facets, phrases in groups]


def _topic(facets: Sequence[Facet], phrases: Sequence[Units], query: Query, lexicon: Lexicon) -> Clause:
    longer = [
        piece for piece in query.text if any(len(piece) >= len(phrase) and overlap(piece, phrase) for phrase in phrases)
    ]
    said = dict.fromkeys(stems(words) for words in (*longer, *phrases))
    about = topic_clause(lexicon, facets, tuple(said))
    weight = about.weight * (NAMED_SHARE if query.named.issuperset(phrases) else 1.0)
    return replace(about, label=f"{' '.join(map(joined, phrases))} ({about.label})", weight=weight)


def _within(piece: Units, phrases: Sequence[Units]) -> bool:
    """Whether a piece is part of one of the phrases, or one of them part of it."""
    return any(overlap(piece, phrase) for phrase in phrases)


def _options(piece: Units, lexicon: Lexicon, words: WordTable, near: int) -> list[Alternative]:
    """A piece of text itself, words that say nearly the same, and the facets that those mean."""
    found = {stems(piece): 1.0}
    guess = speller(lexicon, words).guess(piece[0]) if len(piece) == 1 else ""
    if guess:
        found[stems((guess,))] = GUESS_CREDIT
    meant: dict[Facet, float] = {}
    for like, cosine in words.like(guess or "".join(piece), ALIKE_LEAST, near):
        if len(like) == 1 < len(piece) and is_single(like[0]):
            continue  # a single character is part of many words that mean something else
        phrase = stems(like)
        found[phrase] = max(found.get(phrase, 0.0), round(ALIKE_CREDIT * cosine, 4))
        for facet in lexicon.terms.get(like, ()) if cosine >= MEANT_LEAST else ():
            meant[facet] = max(meant.get(facet, 0.0), round(MEANT_CREDIT * cosine, 4))
    phrases = [Alternative(credit, phrase=phrase) for phrase, credit in found.items()]
    return phrases + [Alternative(credit, facet=facet) for facet, credit in meant.items()]


def _together(unsaid: Sequence[Units], meant: Meanings) -> list[Clause]:
    """What the pieces that no voice says mean together, as an idiom does that was cut."""
    near = meant.near(tuple(unit for piece in unsaid for unit in piece)) if len(unsaid) > 1 else ()
    alternatives = tuple(Alternative(round(NEARLY_CREDIT * cosine, 4), facet=facet) for facet, cosine in near)
    return [Clause(" ".join(map(joined, unsaid)), MEANT_WEIGHT, alternatives)] if near else []


def _text_clause(
    piece: Units, options: Sequence[Alternative], meant: Meanings, counts: Mapping[Units, int], total: int
) -> Clause:
    """A clause of the piece itself and of those other options that some voice has; of what no voice says, its meaning.

    Its weight is the rarity of the piece, or of the word nearest to it where no public voice has it. The piece stays
    even then: the viewer's own private voices may have it.
    """
    there = tuple(a for a in options if a.credit == 1.0 or a.facet or counts.get(a.phrase, 0))
    if not any(a.credit == 1.0 and counts.get(a.phrase, 0) for a in there):
        there += tuple(Alternative(round(NEARLY_CREDIT * c, 4), facet=f) for f, c in meant.near(piece))
    told = [a for a in there if counts.get(a.phrase, 0)]
    best = max(told, key=lambda a: a.credit, default=None)
    if best is None and not any(a.facet for a in there):
        return Clause(joined(piece), LEAST_WEIGHT, there)
    if best is None:
        return Clause(joined(piece), MEANT_WEIGHT, there)
    count = counts[best.phrase]
    rarity = math.log((total + 1) / (count + 1)) / math.log(total + 2)
    sure = best.credit == 1.0
    short = len(piece) == 1 and is_single(piece[0])
    weight = TEXT_WEIGHT * rarity * (1.0 if sure else ALIKE_WEIGHT) * (SHORT_WEIGHT if short else 1.0)
    return Clause(joined(piece), max(weight, LEAST_WEIGHT), there)
