"""`voicehub slim`: a fine-tune whose update is smaller and not quite what it was, made on this machine."""

from __future__ import annotations

from pathlib import Path

import click

from voicehub.cache import Cache
from voicehub.cli.bounds import Finite
from voicehub.cli.context import Context, command
from voicehub.errors import Conflict
from voicehub.merging import read_side, write


@click.command()
@click.argument("base")
@click.argument("tuned")
@click.option("--output", "-o", type=click.Path(path_type=Path, file_okay=False), required=True, help="Where to write.")
@click.option(
    "--error", type=Finite(0, 0.9, min_open=True), default=0.1, show_default=True,
    help="Most of each tensor's change that may be lost (root mean square).",
)  # fmt: skip
@click.option("--original", metavar="NAME", default="", help="Also write NAME.ckpt and NAME.pth, which can be pushed.")
@command
def slim(context: Context, base: str, tuned: str, output: Path, error: float, original: str) -> None:
    """Make the update from BASE to TUNED smaller with a loss: pulled voices or folders of safetensors, as for merge.

    Says part by part how many bytes the update takes and how much of the change is lost. Listen before you push it.
    """
    from gptsovits.errors import UnsupportedVoice
    from gptsovits.merging.slimming import render
    from gptsovits.merging.slimming import slim as slimmed

    cache = Cache()
    try:
        voice, report = slimmed(read_side(cache, base), read_side(cache, tuned), error)
    except UnsupportedVoice as refused:
        raise Conflict(str(refused), hint="Push the voice as it is: its update is made without a loss.") from refused
    written = write(voice, report, output, original, "slim")
    context.out.answer({"folder": str(written.folder), "files": list(map(str, written.files)), "report": report})
    context.out.say(render(report))
    context.out.say(f"✓ written to {output}: {', '.join(path.name for path in written.files)}")
