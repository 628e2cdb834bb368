"""Reading the lexicon's data: `lexicon.yaml` (names and signs), hints, scenes, topics, and phrases that make likely."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from services.catalog.search.ages import numbers, sentences, spellings
from services.catalog.search.denials import Denials
from services.catalog.search.lexicon import GENDERS, MARK, PERSON, TOPIC, Facet, Lexicon, Units
from services.catalog.search.tokens import is_single, units, units_of_folded

HERE = Path(__file__).parent
FILES = ("lexicon.yaml", "hints.yaml", "scenes.yaml", "topics.yaml")
PHRASES, MISLEADING = "phrases.tsv", "misleading.tsv"
ALIKE = 0.5  # how near a hint is to names that say it as well
Meanings = dict[Units, tuple[Facet, ...]]
Near = Mapping[Facet, Mapping[Facet, float]]


@cache
def load(folder: Path = HERE, *, with_phrases: bool = True) -> Lexicon:
    """Reads the lexicon of a folder; without its phrases, only what was listed for its parts to be learnt from."""
    raw = [(folder / name).read_bytes() for name in FILES]
    data, hints, scenes, topics = (yaml.load(one, yaml.CSafeLoader) for one in raw)
    phrases = (folder / PHRASES).read_bytes() if with_phrases else b""
    misleading = (folder / MISLEADING).read_bytes()
    terms = _terms(data)
    stopwords, affirmations = _words(data["stopwords"]), _words(data["affirmations"])
    negations = _words(data["negations"]) - terms.keys()
    silent, only = stopwords | affirmations, _words(data["query_only"])
    denials = Denials(negations, _words(data["refusals"]), _words(data["joiners"]), _words(data["wishes"]), silent)
    taken = frozenset(terms) | stopwords | denials.signs
    more, near = _phrases(PHRASES, phrases), _near(data["near"])
    suggests, about = _suggests([*data["suggest"], *hints, *scenes], taken), _topics(topics)
    mended, headed = (*about, *suggests), _headed(about, terms, data["heads"])
    suggests |= _of_key(more, topic=False, taken=taken | suggests.keys())
    suggests = {word: facets for word, facets in suggests.items() if not _said_by_names(word, facets, terms, near)}
    about |= _of_key(more, topic=True, taken=terms.keys() | about.keys())
    terms = {word: terms[end] for word, end in headed.items()} | terms
    broader = {
        Facet(key, value): (Facet(key, f"{MARK}{wide}"),)
        for key, pairs in data["broader"].items()
        for value, wide in pairs.items()
    }
    return Lexicon(
        terms=terms,
        suggests=suggests,
        topics=about,
        misleading=_with_plurals(_phrases(MISLEADING, misleading)),
        broader=broader,
        marked={Facet(wide.key, wide.value.removeprefix(MARK)): wide for wides in broader.values() for wide in wides},
        near=near,
        weights=data["weights"],
        denials=denials,
        mended=mended,
        counted=frozenset(units(text) for text, *_ in (*spellings(data["years"]), *sentences(data["years"]))),
        numbers={units(text): Facet("age", name) for text, name in numbers(data["years"])},
        around=_words(data["around"]),
        voiced=frozenset(data["voiced"]),
        towards=_words(data["towards"]),
        doubts=_words(data["doubts"]),
        either=_words(data["either"]),
        general=frozenset(Facet(key, value) for key, values in data["general"].items() for value in values),
        uses=frozenset(Facet(key, value) for key, values in data["uses"].items() for value in values),
        places=_words(data["places"]),
        silent=silent,
        stopwords=stopwords,
        hints={
            units(word): Facet(key, value)
            for hint in data["hints"]
            for word in hint["words"]
            for key, value in hint["means"].items()
        },
        query_only=only | {word for word, end in headed.items() if end in only},
        sayings=frozenset(units(word) for _, words in _named(data["sayings"]) for word in words) | headed.keys(),
        labels={(facet.key, units(word)): facet for facet, words in _named(data["labels"]) for word in words},
        longest=max(len(term) for term in [*terms, *suggests, *stopwords, *affirmations, *denials.signs]),
        topic_lengths=_lengths(about),
        digest=hashlib.sha256(b"".join([*raw, phrases, misleading])).hexdigest(),
    )


def _terms(data: Mapping[str, Any]) -> Meanings:
    terms: Meanings = {}
    for facet, words in (*_named(data["facets"]), *_named(data["sayings"])):
        for word in words:
            terms.setdefault(units(word), (facet,))
    for compound in data["compounds"]:
        terms.update({units(word): _facets(compound["means"]) for word in compound["words"]})
    for text, name in spellings(data["years"]):
        terms.setdefault(units(text), (Facet("age", name),))
    for text, name, gender in sentences(data["years"]):
        terms.setdefault(units(text), (Facet("age", name), *([Facet("gender", gender)] if gender else [])))
    return _with_plurals(_doubled(terms) | terms)


def _named(lists: Mapping[str, Mapping[str, Sequence[str]]]) -> Iterator[tuple[Facet, Sequence[str]]]:
    return ((Facet(key, value), words) for key, values in lists.items() for value, words in values.items())


def _headed(topics: Meanings, terms: Meanings, heads: Mapping[str, Sequence[str]]) -> Mapping[Units, Units]:
    """Words for topics with the name that they end with, and are: 恐怖游戏 is a game.

    Not where a person or a language is named before it, that would not be read any more: young scholar.
    """
    names = {
        word for word, facets in terms.items()
        if not (len(word) == 1 and is_single(word[0])) and all(f.value in heads.get(f.key, ()) for f in facets)
    }  # fmt: skip
    found = {}
    for word in topics:
        start = next((at for at in range(1, len(word)) if word[at:] in names), 0)
        alike = is_single(word[0]) == is_single(word[-1])
        apart = any(f.key in (*PERSON, "lang") for end in range(1, start + 1) for f in terms.get(word[:end], ()))
        if start and alike and not apart and word not in terms:
            found[word] = word[start:]
    return found


def _doubled(words: Meanings) -> Meanings:
    """Feelings and sounds of two characters, each twice: 开开心心 is 开心."""
    return {
        (word[0], word[0], word[1], word[1]): facets
        for word, facets in words.items()
        if len(word) == 2 and is_single(word[0]) and is_single(word[1]) and facets[0].key in ("emotion", "timbre")
    }


def _suggests(entries: Sequence[Mapping[str, Any]], taken: frozenset[Units]) -> Meanings:
    """Words with all that they make likely; a word of another list is no hint."""
    found: Meanings = {}
    for entry in entries:
        for word in (units(str(word)) for word in entry["words"]):
            if word not in taken:
                found[word] = tuple(dict.fromkeys((*found.get(word, ()), *_facets(entry["means"]))))
    return {word: facets for word, facets in _with_plurals(found).items() if word not in taken}


def _said_by_names(word: Units, hint: Sequence[Facet], terms: Meanings, near: Near) -> bool:
    """Whether a hint is made of names that say as much of the voice, or more: 客服女声 says 女声, too."""
    said = {facet for name in _names(word, terms) for facet in terms[name]}
    people = {facet for facet in hint if facet.key in PERSON}
    other = {facet for facet in said - people if facet.key in {person.key for person in people}}
    return bool(said) and not other and all(_is_said(facet, said, near) for facet in hint)


def _is_said(facet: Facet, said: Collection[Facet], near: Near) -> bool:
    alike = near.get(facet, {}) if facet.key not in PERSON else {}
    return facet in said or any(alike.get(one, 0.0) >= ALIKE for one in said)


def _names(word: Units, terms: Meanings) -> list[Units]:
    """The names that a word is made of throughout, the longest from its end; of single characters only genders."""
    cuts: list[list[Units] | None] = [[], *([None] * len(word))]
    for end in range(1, len(word) + 1):
        for start in range(end):
            name, before = word[start:end], cuts[start]
            short = len(name) == 1 and is_single(name[0]) and name[0] not in GENDERS
            if before is not None and name in terms and name != word and not short:
                cuts[end] = [*before, name]
                break
    return cuts[-1] or []


def _topics(data: Mapping[str, Sequence[str]]) -> Meanings:
    found: Meanings = {}
    for name, words in data.items():
        for word in words:
            phrase = units(str(word))
            found[phrase] = tuple(dict.fromkeys((*found.get(phrase, ()), Facet(TOPIC, name))))
    return _with_plurals(found)


def _phrases(name: str, data: bytes) -> Meanings:
    """Phrases (folded) with values: a line each, a tab, then `key:value` divided by spaces."""
    same: dict[str, tuple[Facet, ...]] = {}  # many phrases mean alike
    found: Meanings = {}
    for number, line in enumerate(data.decode().splitlines(), 1):
        phrase, _, values = line.partition("\t")
        if values not in same:
            if not all(":" in value for value in values.split(" ")):
                raise ValueError(f"{name}, line {number}: write a phrase, a tab, and key:value with spaces between")
            same[values] = tuple(Facet(*value.split(":", 1)) for value in values.split(" "))
        found[units_of_folded(phrase)] = same[values]
    return found


def _of_key(phrases: Meanings, *, topic: bool, taken: Collection[Units]) -> Meanings:
    """Of the phrases their topics, or else what they say of a voice; a word of another list goes before."""
    found = {phrase: tuple(f for f in facets if (f.key == TOPIC) == topic) for phrase, facets in phrases.items()}
    said = _with_plurals({phrase: facets for phrase, facets in found.items() if facets})
    return {phrase: facets for phrase, facets in said.items() if phrase not in taken}


def _lengths(topics: Meanings) -> dict[str, tuple[int, ...]]:
    found: dict[str, set[int]] = {}
    for phrase in topics:
        found.setdefault(phrase[0], set()).add(len(phrase))
    return {first: tuple(sorted(lengths, reverse=True)) for first, lengths in found.items()}


def _with_plurals(words: Meanings) -> Meanings:
    latin = [word for word in words if len(word[-1]) > 3 and word[-1].isascii() and word[-1].isalpha()]
    return {(*word[:-1], word[-1] + "s"): words[word] for word in latin} | words


def _facets(means: Mapping[str, str | list[str]]) -> tuple[Facet, ...]:
    """Values by key; a list of them are alternatives: 爷叔 is of the middle age or old."""
    told = ((key, [value] if isinstance(value, str) else value) for key, value in means.items())
    return tuple(Facet(key, value) for key, values in told for value in values)


def _words(words: Sequence[str]) -> frozenset[Units]:
    return frozenset(units(word) for word in words)


def _near(pairs: Sequence[tuple[str, str, str, str, float]]) -> dict[Facet, dict[Facet, float]]:
    found: dict[Facet, dict[Facet, float]] = {}
    for key, value, other_key, other, share in pairs:
        one, two = Facet(key, value), Facet(other_key, other)
        found.setdefault(one, {})[two] = share
        found.setdefault(two, {})[one] = share
    return found
