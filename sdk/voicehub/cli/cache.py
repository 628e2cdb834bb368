"""`voicehub cache`: what was pulled, and room for more."""

from __future__ import annotations

import click

from voicehub.cache import Cache
from voicehub.cli.bounds import Finite
from voicehub.cli.context import Context, command
from voicehub.names import parse_name
from voicehub.pruning import YOUNG_SECONDS
from voicehub.pruning import held as held_versions
from voicehub.pruning import prune as prune_cache


@click.group()
def cache() -> None:
    """Show and tidy what was pulled onto this machine."""


@cache.command("ls")
@command
def show(context: Context) -> None:
    """List the versions here, their refs and sizes (of which only theirs)."""
    folder = Cache()
    versions = held_versions(folder)
    context.out.answer({"folder": str(folder.folder), "versions": versions})
    rows = [[one.voice, one.version, ", ".join(one.refs), _mb(one.size), _mb(one.own)] for one in versions]
    context.out.table(["voice", "version", "refs", "size", "only here"], rows)
    context.out.say(f"{len(versions)} versions in {folder.folder}")


@cache.command()
@click.argument("voices", nargs=-1)
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
@click.option("--young", type=Finite(0), default=YOUNG_SECONDS, show_default=True, help="Seconds that a file is safe.")
@command
def prune(context: Context, voices: tuple[str, ...], dry_run: bool, young: float) -> None:
    """Remove VOICES (owner/name[@ref]), versions that no ref names, and everything that nothing needs then."""
    pruned = prune_cache(Cache(), [parse_name(voice) for voice in voices], dry=dry_run, young=young)
    context.out.answer(pruned)
    for version in pruned.versions:
        context.out.say(f"  {version}")
    verb = "would be" if dry_run else "are"
    context.out.say(f"✓ {len(pruned.versions)} versions and {pruned.files} files {verb} gone: {_mb(pruned.freed)}.")


def _mb(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
