"""`voicehub dataset`: many voices as a table, with metrics, lineage and the list of their objects."""

from __future__ import annotations

from pathlib import Path

import click

from voicehub.cli.context import Context, command
from voicehub.datasets import OBJECTS, VOICES


@click.command()
@click.argument("query", nargs=-1)
@click.option("--out", "-o", type=click.Path(path_type=Path), required=True, help="Folder of the files.")
@click.option("--pinned", default="", metavar="ID", help="Write this dataset again instead of pinning a new one.")
@click.option("--private", is_flag=True, help="Also your private voices.")
@click.option("--tensors", is_flag=True, help="List the tensors among the objects, too.")
@command
def dataset(context: Context, query: tuple[str, ...], out: Path, pinned: str, private: bool, tensors: bool) -> int:
    """Pin the voices that answer QUERY (as in `search`; nothing: all) and write them as Parquet.

    `dataset.json` in the folder has the ID with which the same bytes are written again. Exit code 1: no voice.
    """
    with context.client() as client:
        datasets = client.datasets
        found = datasets.get(pinned) if pinned else datasets.pin(" ".join(query), private=private)
        with context.out.steps() as steps:
            made = datasets.export(
                found,
                out,
                tensors=tensors,
                on_records=lambda done, total: steps.update("read", done / max(total, 1), f"{done} of {total} voices"),
            )
    context.out.answer(made)
    context.out.say(f"✓ {made.voices:,} voices in {out / VOICES}, {made.objects:,} objects in {out / OBJECTS}")
    if made.withheld:
        context.out.say(f"  {made.withheld:,} of the pinned voices may not be read any more, and are left out.")
    context.out.say(f"  the same again: voicehub dataset --pinned {found.id} -o DIR")
    return 0 if made.voices else 1
