"""The other speakers the voice is compared with, and whether they really are other people."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from gptsovits.judge.artists import ARTISTS, ArtistsMissing, prompts, speech
from gptsovits.judge.similarity import embedding, similarity
from tools.demo.recording import Floats, Source, read_16k

SECONDS = 20.0
SAME_PERSON = 0.85
"""Two halves of the speech of one person lie above it (0.95 to 0.99 here), those of two people below (0.76 at most)."""


@dataclass(frozen=True)
class Other:
    """Somebody else: who, where their speech comes from, and 16 kHz mono speech of theirs (n,)."""

    name: str
    source: str
    wave: Floats


def others(source: Source, say: Callable[[str], None]) -> list[Other]:
    """The readers of the recordings' wheel and the voice artists; `say` hears of those that cannot be had."""
    found = [Other(path.stem, f"{path.name} of the wheel moonshine-voice", read_16k(path)) for path in source.others]
    for artist in ARTISTS:
        try:
            files = prompts(artist)
        except ArtistsMissing as error:
            say(f"  {error}")
            continue
        where = f"{files[0].name} and on, of Debian's {artist.package} ({artist.license})"
        found.append(Other(artist.name, where, speech(files, SECONDS)))
    return found


@dataclass(frozen=True)
class Compared:
    """A speaker of the comparison: embedding, likeness of both halves of the speech, and to the most alike other."""

    name: str
    source: str
    embedding: Floats
    own_halves: float
    most_alike: str
    likeness: float


def compare(own: Other, found: Sequence[Other]) -> list[Compared]:
    """How much each of `own` and `found` resembles itself and the others."""
    everybody = [own, *found]
    vectors = [embedding(one.wave) for one in everybody]
    likeness = np.full((len(everybody), len(everybody)), -1.0)
    for first, second in combinations(range(len(everybody)), 2):
        likeness[first, second] = likeness[second, first] = similarity(vectors[first], vectors[second])
    compared = []
    for number, one in enumerate(everybody):
        nearest = int(likeness[number].argmax())
        half = len(one.wave) // 2
        halves = similarity(embedding(one.wave[:half]), embedding(one.wave[half:]))
        alike = float(likeness[number, nearest])
        compared.append(Compared(one.name, one.source, vectors[number], halves, everybody[nearest].name, alike))
    return compared
