"""`voicehub merge`: two voices that grew from one become one, on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from voicehub.cache import Cache
from voicehub.cli.context import Context, command
from voicehub.errors import UsageError
from voicehub.merging import merge_voices, read_side, write


@click.command()
@click.argument("base")
@click.argument("ours")
@click.argument("theirs")
@click.option("--output", "-o", type=click.Path(path_type=Path, file_okay=False), required=True, help="Where to write.")
@click.option("--strategy", default="task", show_default=True, help="task, ties, linear, slerp, ours, theirs or base.")
@click.option("--scale", type=float, default=1.0, show_default=True, help="Of the changes, in task and ties.")
@click.option("--density", type=float, default=0.5, show_default=True, help="Share of each change that ties keeps.")
@click.option("--weight", type=float, default=0.5, show_default=True, help="Share of theirs, in linear and slerp.")
@click.option("--choose", multiple=True, metavar="PART=STRATEGY", help="For a part: decoder=theirs. Repeatable.")
@click.option("--lexicon", type=click.Choice(["merge", "ours", "theirs"]), default="merge", help="Words both changed.")
@click.option("--original", metavar="NAME", default="", help="Also write NAME.ckpt and NAME.pth, which can be pushed.")
@command
def merge(context: Context, base: str, ours: str, theirs: str, output: Path, **options: Any) -> None:
    """Merge OURS and THEIRS, which both grew from BASE: pulled voices (owner/name[@ref]) or folders of safetensors."""
    from gptsovits.merging import Recipe
    from gptsovits.merging.report import render

    name, choices = options.pop("original"), _choices(options.pop("choose"))
    try:
        recipe = Recipe(**options, choices=choices)
    except ValueError as error:
        raise UsageError(f"{error}.", hint="See voicehub merge --help.") from error
    cache = Cache()
    merged = merge_voices(read_side(cache, base), read_side(cache, ours), read_side(cache, theirs), recipe)
    written = write(merged.voice, merged.report, output, name)
    context.out.answer({"folder": str(written.folder), "files": list(map(str, written.files)), "report": merged.report})
    context.out.say(render(merged.report))
    context.out.say(f"✓ merged into {output}: {', '.join(path.name for path in written.files)}")


def _choices(given: tuple[str, ...]) -> dict[str, Any]:
    pairs = [text.partition("=") for text in given]
    if any(not separator for _, separator, _ in pairs):
        raise UsageError("A choice is written PART=STRATEGY.", hint="For example --choose decoder=theirs.")
    return {part: strategy for part, _, strategy in pairs}
