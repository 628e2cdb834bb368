"""Clauses of what is probably meant and not named: by hints, by dictionaries, as slips, by the request as a whole."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from services.catalog.search.clauses import NEARLY_CREDIT, Alternative, Clause, facet_clause, topic_clause
from services.catalog.search.intent import Intent
from services.catalog.search.lexicon import TOPIC, Facet, Lexicon, Units
from services.catalog.search.meaning import Meanings
from services.catalog.search.query import joined
from services.catalog.search.senses import senses
from services.catalog.search.spelling import speller
from services.catalog.search.tokens import stems, units
from services.catalog.search.words import WordTable

SUGGESTED_CREDIT, SUGGESTED_WEIGHT = 0.95, 0.7  # of a facet that a word of the query suggests
SUBJECT_WEIGHT, SUBJECT_LEAST = 0.5, 0.25  # of a topic that the parts of a word tell, and how probable it must be
SLIP_WEIGHT = 0.8  # of a facet of a word of which the query's may be a slip
GLOSS_WEIGHT = 0.4  # of a facet that a dictionary gives to a word
TOPIC_GLOSS_WEIGHT = 0.5  # likewise of a topic
INTENT_LEAST, INTENT_WEIGHT = 0.2, 0.7  # of a facet that the whole request asks for: probability, and weight at 1
ONE_OF_A_KIND = ("lang", "gender", "age")  # who names one seeks no other


def suggested(text: Sequence[Units], lexicon: Lexicon, named: Collection[Facet]) -> list[Clause]:
    """For each facet that words of the query suggest and none names: those words themselves, or the facet."""
    said: dict[tuple[Facet, ...], list[Units]] = {}
    for piece in text:
        facets = lexicon.suggests.get(piece, ())
        for key in dict.fromkeys(facet.key for facet in facets):  # a word has one meaning of a kind, whichever that is
            group = tuple(facet for facet in facets if facet.key == key)
            if not any(facet in named for facet in group):
                said.setdefault(group, []).append(piece)
    found = []
    for group, pieces in said.items():
        meant = facet_clause(lexicon, group)
        ways = [Alternative(1.0, phrase=stems(piece)) for piece in pieces]
        ways += [Alternative(round(SUGGESTED_CREDIT * a.credit, 4), a.facet) for a in meant.alternatives]
        label = f"{' '.join(map(joined, pieces))} ({meant.label})"
        found.append(Clause(label, SUGGESTED_WEIGHT * meant.weight, tuple(ways)))
    return found


def glossed(words: Sequence[str], lexicon: Lexicon, counts: Mapping[Units, int]) -> list[Clause]:
    """The facets that a dictionary gives to words that no voice says."""
    found: dict[Facet, str] = {}
    for word in words:
        if not counts.get(stems(units(word)), 0):
            found = dict.fromkeys(senses().get(word, ()), word) | found
    clauses = []
    for facet, word in found.items():
        meant = facet_clause(lexicon, [facet])
        ways = tuple(Alternative(round(NEARLY_CREDIT * a.credit, 4), a.facet) for a in meant.alternatives)
        share = TOPIC_GLOSS_WEIGHT if facet.key == TOPIC else GLOSS_WEIGHT * meant.weight
        clauses.append(Clause(f"{word} ({meant.label})", share, ways))
    return clauses


def spoken(unsaid: Sequence[Units], lexicon: Lexicon, subjects: Meanings) -> list[Clause]:
    """The topics that the parts of words tell which no voice says and no list has."""
    found = []
    for piece in unsaid:
        told = [(facet, share) for facet, share in subjects.near(piece) if share >= SUBJECT_LEAST]
        ways: dict[Facet, float] = {}
        for facet, share in told:
            for likely, credit in {**lexicon.near.get(facet, {}), facet: 1.0}.items():
                ways[likely] = max(ways.get(likely, 0.0), round(NEARLY_CREDIT * share * credit, 4))
        if ways:
            label = f"{joined(piece)} ({','.join(facet.value for facet, _ in told)})"
            found.append(Clause(label, SUBJECT_WEIGHT, tuple(Alternative(c, facet=f) for f, c in ways.items())))
    return found


def slipped(unsaid: Sequence[Units], lexicon: Lexicon, words: WordTable) -> list[Clause]:
    """What correct words that no voice says mean if they are slips for commoner ones of the lexicon."""
    found = []
    for (word,) in (piece for piece in unsaid if len(piece) == 1):
        meant = [
            facet_clause(lexicon, [f]) for w in speller(lexicon, words).slips(word) for f in _meanings((w,), lexicon)
        ]
        ways = dict.fromkeys(
            (a.facet, round(NEARLY_CREDIT * a.credit, 4)) for clause in meant for a in clause.alternatives
        )
        if ways:
            label = f"{word} ({' '.join(clause.label for clause in meant)})"
            weight = SLIP_WEIGHT * max(clause.weight for clause in meant)
            found.append(Clause(label, weight, tuple(Alternative(credit, facet) for facet, credit in ways)))
    return found


def intended(
    asked: Intent, lexicon: Lexicon, named: Collection[Facet], excluded: Collection[Facet]
) -> list[tuple[float, Clause]]:
    """For each facet that the whole request asks for: its probability, and a clause by that.

    Left out is what is named already, what is excluded, and what the request denies as probably.
    """
    keys = {facet.key for facet in named}
    found = []
    for facet, share in asked.wanted.items():
        doubtful = share < INTENT_LEAST or share <= asked.denied.get(facet, 0.0)
        other = facet.key in ONE_OF_A_KIND and facet.key in keys
        if doubtful or other or facet in named or facet in excluded:
            continue
        topic = facet.key == TOPIC
        meant = topic_clause(lexicon, [facet]) if topic else facet_clause(lexicon, [facet])
        weight = share * meant.weight * (1.0 if topic else INTENT_WEIGHT)
        found.append((share, Clause(f"as a whole ({meant.label})", weight, meant.alternatives)))
    return found


def _meanings(word: Units, lexicon: Lexicon) -> tuple[Facet, ...]:
    return next((known[word] for known in (lexicon.terms, lexicon.suggests, lexicon.topics) if word in known), ())
