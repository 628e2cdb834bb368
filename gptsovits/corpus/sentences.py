"""Sentences for the teacher: an own grammar over everyday words, rare words for coverage, and expired-copyright prose.

The sentences of the judge (:mod:`gptsovits.judge.sentences`) are never drawn.
"""

from __future__ import annotations

import functools
import random
import re
from importlib import resources

import wordsegment

from gptsovits.corpus.pronunciation import UnknownWordError, dictionary, sentence_phones

_SLOTS: dict[str, str] = {
    "person": (
        "teacher doctor farmer captain sailor lawyer student singer driver painter baker nurse soldier child "
        "lady uncle brother sister mother father boy girl woman man friend neighbor stranger queen king judge "
        "writer player cook guest thief hunter merchant engineer clerk pilot"
    ),
    "people": (
        "children women men students workers soldiers neighbors friends guests travelers boys girls visitors "
        "players farmers voters parents birds horses dogs"
    ),
    "thing": (
        "table window letter garden bottle basket hammer mirror ladder candle blanket jacket ticket picture "
        "pencil bridge kitchen hat coat box door key book lamp chair road boat ship car train wagon cup knife "
        "spoon fork watch clock shirt shoe rope stone wheel map bag bell flag drum piano guitar camera "
        "machine engine paper package treasure vision measure voice toy coin judge cage page badge beach "
        "church"
    ),
    "things": (
        "apples letters oranges flowers boxes papers pictures books shoes bottles candles tickets coins keys "
        "maps stones clouds potatoes onions cherries bridges pages boys ears wires"
    ),
    "place": (
        "house school market station river mountain village harbor island forest city field office library "
        "museum hotel street yard valley beach desert castle garage farm kitchen theater hospital court "
        "church tower"
    ),
    "adjective": (
        "old young small large quiet heavy light bright dark cold warm strong weak long short clean dirty "
        "sharp soft rough smooth empty full broken golden silver wooden narrow wide deep simple strange "
        "common special foolish clever gentle angry happy careful honest royal unusual yellow purple orange "
        "green blue white black gray thick thin"
    ),
    "verb": (
        "carried found watched painted dropped opened closed moved pushed pulled washed lifted bought sold "
        "wanted loved showed kept lost followed caught noticed measured fixed covered turned raised described "
        "joined chose enjoyed avoided changed touched reached brushed"
    ),
    "go": "walked ran drove traveled marched rushed climbed sailed wandered returned hurried moved",
    "adverb": (
        "slowly quickly quietly gladly always never often suddenly again together finally usually clearly "
        "hardly carefully easily rarely already"
    ),
    "time": (
        "yesterday today tomorrow tonight last_night this_morning next_week on_Monday on_Thursday in_July "
        "in_winter after_dinner before_noon at_midnight"
    ),
    "number": (
        "two three four five six seven eight nine ten eleven twelve thirteen fifteen sixteen eighteen twenty "
        "thirty forty_five fifty sixty_one seventy eighty_three ninety one_hundred six_thousand"
    ),
    "prep": "in near behind above beside under beyond inside outside across through toward",
    "mass": (
        "water bread milk sugar butter coffee juice money music snow rain sand oil wood grass gold honey "
        "cheese soup smoke fire iron wool salt ice"
    ),
    "pronoun": "he she they we I you",
    "possessive": "his her their our my your",
}
_TEMPLATES = (
    "The {adjective} {person} {verb} the {thing}.",
    "The {person} {verb} {possessive} {adjective} {thing} {prep} the {place}.",
    "{pronoun} {go} {adverb} {prep} the {place} {time}.",
    "{time}, the {people} {verb} {number} {things}.",
    "{number} {adjective} {people} {go} {prep} the {adjective} {place}.",
    "Did the {person} {adverb} leave the {thing} {prep} the {place}?",
    "There was {mass} on the {thing}, and {mass} on the floor.",
    "Please bring {number} {things} to the {place} {time}.",
    "What a {adjective} {thing} that was!",
    "If the {person} {verb} the {thing}, then the {people} {go} away.",
    "{pronoun} {verb} the {thing}, but the {person} {verb} the {mass}.",
    "How much {mass} do the {people} need {time}?",
    "The {thing} is {adjective}, and the {place} is {adjective} too.",
    "Nobody {verb} the {adjective} {mass} {prep} the {place}.",
    "Those {things} are {adjective}, aren't they?",
    "Where did {pronoun} put the {thing} and the {things}?",
    "The {place} was {adverb} {adjective} {time}.",
    "I think {pronoun} should choose the {adjective} {thing}.",
    "{possessive} {person} would rather have {mass} than {mass}.",
    "The word is {rare}, and the next one is {rare}.",
    "{rare} and {rare} are {adjective} words.",
    "They {verb} the {rare} {thing} with {rare} and {rare}.",
    "The {rare} {person} {verb} a {rare} {place}.",
    "{rare}, {rare}, {rare}, and {rare}.",
    "Every {rare} {thing} needs some {rare} {mass}.",
    "A {rare} {rare} was {verb} by the {rare} {people}.",
)
_RARE_WORDS = 9000
_PROSE_SHARE = 0.2
_HELD_OUT_TITLE = "two cities"


@functools.cache
def rare_words() -> tuple[str, ...]:
    """Frequent English words of four letters or more that the dictionary holds, most frequent first."""
    wordsegment.load()
    known = dictionary()
    ranked = sorted(wordsegment.UNIGRAMS, key=lambda word: -float(wordsegment.UNIGRAMS[word]))
    long_enough = (word for word in ranked if len(word) >= 4 and word.isascii() and word in known)
    return tuple(word for word, _ in zip(long_enough, range(_RARE_WORDS), strict=False))


@functools.cache
def prose() -> tuple[str, ...]:
    """The lines of ``data/prose.txt`` whose words the dictionary holds."""
    text = resources.files("gptsovits.corpus").joinpath("data/prose.txt").read_text(encoding="utf-8")
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return tuple(line for line in lines if _is_speakable(line))


def draw(random_source: random.Random, excluded: frozenset[str]) -> str:
    """One sentence that is not among ``excluded`` (compared by :func:`key`)."""
    while True:
        sentence = _candidate(random_source)
        if key(sentence) not in excluded and _HELD_OUT_TITLE not in sentence and _is_speakable(sentence):
            return sentence


def key(sentence: str) -> str:
    """Lower-case words only: what makes two sentences the same."""
    return " ".join(re.findall(r"[a-z']+", sentence.lower()))


def _candidate(random_source: random.Random) -> str:
    if random_source.random() < _PROSE_SHARE:
        return random_source.choice(prose())
    template = random_source.choice(_TEMPLATES)
    filled = re.sub(r"\{(\w+)\}", lambda slot: _fill(slot.group(1), random_source), template)
    return filled[0].upper() + filled[1:]


def _fill(slot: str, random_source: random.Random) -> str:
    if slot == "rare":
        return random_source.choice(rare_words())
    return random_source.choice(_SLOTS[slot].split()).replace("_", " ")


def _is_speakable(sentence: str) -> bool:
    try:
        sentence_phones(sentence)
    except UnknownWordError:
        return False
    return True
