"""Command ``python -m gptsovits.pretrain``: trains the nano base in legs that resume, and assembles it."""

from __future__ import annotations

import time
from pathlib import Path

import click
import torch

from gptsovits.nano.config import NanoConfig
from gptsovits.pretrain.assemble import assemble
from gptsovits.pretrain.run import RUNS, Plan, train

_UNITS = {"s": 1, "m": 60, "h": 3600}


def _seconds(text: str) -> float:
    try:
        return float(text[:-1]) * _UNITS[text[-1]]
    except (KeyError, ValueError, IndexError) as error:
        raise click.BadParameter(f"{text!r} is no time; write for example 45m or 90s") from error


@click.command()
@click.option("--for", "length", default="45m", help="Length of this leg, for example 45m.")
@click.option("--run", "runs", multiple=True, type=click.Choice(RUNS), help="Only these runs; default is all in order.")
@click.option("--corpus", type=click.Path(path_type=Path, exists=True), default=Path(".work/nano/corpus"))
@click.option("--work", type=click.Path(path_type=Path), default=Path(".work/nano/runs"), help="States of the runs.")
@click.option("--out", type=click.Path(path_type=Path), help="Assemble a base folder here after the leg.")
@click.option("--start", type=click.Path(path_type=Path, exists=True), help="Base folder that new runs begin from.")
@click.option("--plan", type=float, default=1.0, help="Scales the planned training time of every run.")
def main(
    length: str, runs: tuple[str, ...], corpus: Path, work: Path, out: Path | None, start: Path | None, plan: float
) -> None:  # fmt: skip
    """Train for one leg; call again until it says that the plan is fulfilled."""
    torch.set_num_threads(1)
    end = time.monotonic() + _seconds(length)
    usual = Plan()
    scaled = Plan(*(plan * value for value in (usual.content, usual.vocoder, usual.acoustic, usual.semantic)))
    done = True
    for name in runs or RUNS:
        done = train(name, NanoConfig(), corpus, work, end - time.monotonic(), scaled, click.echo, start)
        if not done:
            break
    click.echo("The plan is fulfilled." if done else "Call again to go on.")
    if out is not None:
        assemble(NanoConfig(), corpus, work, out, start)


if __name__ == "__main__":
    main()
