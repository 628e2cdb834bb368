"""Command ``python -m gptsovits.corpus``: makes or extends the teacher corpus."""

from __future__ import annotations

from pathlib import Path

import click

from gptsovits.corpus.generate import generate


@click.command()
@click.option("--out", type=click.Path(path_type=Path), default=Path(".work/nano/corpus"), help="Folder of the shards.")
@click.option("--minutes", type=float, default=60.0, help="Minutes of speech in the shards of this process.")
@click.option("--part", default="0/1", help="K/N: this process makes every N-th shard, beginning with K.")
def main(out: Path, minutes: float, part: str) -> None:
    """Speak drawn sentences with drawn teacher speakers; run again to go on where it stopped."""
    first, step = (int(number) for number in part.split("/"))
    generate(out, first, step, minutes * 60, click.echo)


if __name__ == "__main__":
    main()
