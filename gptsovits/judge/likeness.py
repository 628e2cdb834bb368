"""Command `python -m gptsovits.judge.likeness`: how far apart the speaker embeddings of one person and of two lie.

Clips of different recordings are compared. Printed are the quantiles of the cosine between clips of one artist and of
two, and for some thresholds how many pairs of one would be missed and how many of two would be called alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import click
import numpy as np
import numpy.typing as npt

from gptsovits.judge.artists import ARTISTS, SAMPLE_RATE
from gptsovits.judge.mixtures import stretches
from gptsovits.judge.similarity import embedding

Floats = npt.NDArray[np.float32]
THRESHOLDS = (0.75, 0.80, 0.85, 0.90)


def clips(count: int, seconds: float) -> list[tuple[str, Floats]]:
    """The embeddings (256,) of `count` clips of each artist, none sharing a prompt with another."""
    length = int(seconds * SAMPLE_RATE)
    return [(artist.name, embedding(wave[:length])) for artist in ARTISTS for wave in stretches(artist, count)]


def cosines(found: Sequence[tuple[str, Floats]]) -> tuple[Floats, Floats]:
    """The cosines of all pairs of one artist, and of all pairs of two."""
    same: list[float] = []
    other: list[float] = []
    for (one, left), (two, right) in combinations(found, 2):
        (same if one == two else other).append(float(left @ right))
    return np.asarray(same, np.float32), np.asarray(other, np.float32)


def render(same: Floats, other: Floats) -> str:
    """The figures in plain text."""
    lines = []
    for kind, values in (("one person", same), ("two people", other)):
        shown = " ".join(f"{value:.3f}" for value in np.quantile(values, (0, 0.01, 0.5, 0.99, 1)))
        lines.append(f"{kind}: {len(values)} pairs, least, 1 %, median, 99 %, most: {shown}")
    for threshold in THRESHOLDS:
        missed, wrong = float(np.mean(same < threshold)), float(np.mean(other >= threshold))
        lines.append(f"alike from {threshold:.2f}: {missed:.1%} of one person missed, {wrong:.1%} of two called alike")
    return "\n".join(lines)


@click.command()
@click.option("--count", default=8, show_default=True, help="Clips per artist.")
@click.option("--seconds", default=15.0, show_default=True, help="Length of a clip.")
def main(count: int, seconds: float) -> None:
    """Measure and print."""
    click.echo(render(*cosines(clips(count, seconds))))


if __name__ == "__main__":
    main()
