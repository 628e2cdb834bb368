"""Command `python -m gptsovits.judge.mixtures`: how often two-voice detection errs, on real and on mixed recordings.

One person: stretches of recordings of one artist each. Two people: turns of two artists, one after another, with a
given share for the second. Every figure is of the detector as it is used: on a wave, with its threshold.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import click
import numpy as np
import numpy.typing as npt

from gptsovits.judge.artists import ARTISTS, SAMPLE_RATE, SHORTEST_SECONDS, Artist, prompts, read_g722
from gptsovits.judge.speakers import FAR_APART, SMALLEST_SHARE, Split, split

Floats = npt.NDArray[np.float32]

SECONDS = 40.0
TURN_SECONDS = 5.0
SHARES = (0.2, 0.35, 0.5)


@dataclass(frozen=True)
class Rate:
    """`refused` of `recordings` are called two people; the nearest cosine of their two halves, and the farthest."""

    kind: str
    recordings: int
    refused: int
    lowest: float
    highest: float


def rate(kind: str, found: Sequence[Split]) -> Rate:
    """Counts the splits of one kind of recording."""
    cosines = [one.cosine for one in found]
    return Rate(kind, len(found), sum(one.two for one in found), min(cosines), max(cosines))


def turns(one: Floats, other: Floats, share: float) -> Floats:
    """Two people in turns: `share` of `SECONDS` is `other`'s, in turns of about `TURN_SECONDS`."""
    shorter = min(share, 1 - share)
    rounds = max(round(SECONDS * shorter / TURN_SECONDS), 1)
    pieces = []
    for first, second in zip(
        np.array_split(one[: int((1 - share) * SECONDS * SAMPLE_RATE)], rounds),
        np.array_split(other[: int(share * SECONDS * SAMPLE_RATE)], rounds),
        strict=True,
    ):
        pieces += [_levelled(first), _levelled(second)]
    return np.concatenate(pieces)


def stretches(artist: Artist, count: int, seed: int = 0) -> Iterator[Floats]:
    """`count` recordings of one person, `SECONDS` long, of prompts in a drawn order; none has a prompt of another."""
    files = [path for path in prompts(artist) if path.stat().st_size >= SHORTEST_SECONDS * 8000]
    order = iter(np.random.default_rng(seed).permutation(len(files)))
    for _ in range(count):
        pieces: list[Floats] = []
        while sum(map(len, pieces)) < SECONDS * SAMPLE_RATE:
            pieces.append(read_g722(files[next(order)]))
        yield np.concatenate(pieces)[: int(SECONDS * SAMPLE_RATE)]


def measure(count: int) -> list[Rate]:
    """The table: one person, then two by share."""
    single = {artist: list(stretches(artist, count)) for artist in ARTISTS}
    rates = [rate(f"one: {artist.name}", [split(wave) for wave in waves]) for artist, waves in single.items()]
    for share in SHARES:
        mixed = [
            split(turns(one, other, share))
            for first, second in combinations(ARTISTS, 2)
            for one, other in zip(single[first], single[second], strict=True)
        ]
        rates.append(rate(f"two, {share:.0%} the second's", mixed))
    return rates


def render(rates: Sequence[Rate]) -> str:
    """The table in plain text."""
    lines = [f"{'speech':<24}{'recordings':>11}{'called two':>11}{'cosine':>14}"]
    lines += [f"{r.kind:<24}{r.recordings:>11}{r.refused:>11}{r.lowest:>8.2f}-{r.highest:.2f}" for r in rates]
    one = [r for r in rates if r.kind.startswith("one")]
    two = [r for r in rates if r.kind.startswith("two")]
    wrongly = sum(r.refused for r in one) / sum(r.recordings for r in one)
    missed = 1 - sum(r.refused for r in two) / sum(r.recordings for r in two)
    limits = f"cosine below {FAR_APART}, smaller share at least {SMALLEST_SHARE:.0%}"
    return "\n".join([*lines, f"refused wrongly {wrongly:.1%}, two people missed {missed:.1%} ({limits})"])


def _levelled(wave: Floats) -> Floats:
    return np.asarray(wave * (0.08 / max(float(np.sqrt(np.mean(wave**2))), 1e-6)), np.float32)


@click.command()
@click.option("--count", default=8, show_default=True, help="Recordings per artist, and mixtures per pair and share.")
def main(count: int) -> None:
    """Measure and print the table."""
    click.echo(render(measure(count)))


if __name__ == "__main__":
    main()
